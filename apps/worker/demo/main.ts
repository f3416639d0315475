// `pnpm demo`: the main job on the real opencode, twice, with a scripted model in place of a paid one.
import { exitWhenForced } from '../src/lib/cli.ts';
import { messageOf } from '../src/lib/errors.ts';
import { exitCodeOf } from '../src/lib/exit-codes.ts';
import { listenForInterrupts } from '../src/lib/interrupts.ts';
import { printableText } from '../src/lib/printable.ts';
import { runDemo } from './run-demo.ts';

using interrupts = listenForInterrupts({ source: process, now: () => performance.now() });
exitWhenForced(interrupts);
try {
  process.exitCode = await runDemo(interrupts);
} catch (error) {
  process.stderr.write(`${printableText(`demo: ${messageOf(error)}`)}\n`);
  process.exitCode = exitCodeOf(error);
}
