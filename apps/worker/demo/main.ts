// `pnpm demo`: the main job on the real opencode, twice, with a scripted model in place of a paid one.
import { errorText, exitWhenForced, exitWith } from '../src/lib/cli.ts';
import { exitCodeOf } from '../src/lib/exit-code-of.ts';
import { listenForInterrupts } from '../src/lib/interrupts.ts';
import { printableText } from '../src/lib/printable.ts';
import { runDemo } from './run-demo.ts';

using interrupts = listenForInterrupts({ source: process, now: () => performance.now() });
exitWhenForced(interrupts);
try {
  exitWith(await runDemo(interrupts));
} catch (error) {
  process.exitCode = exitCodeOf(error);
  process.stderr.write(`${printableText(errorText(error, process.exitCode))}\n`);
}
