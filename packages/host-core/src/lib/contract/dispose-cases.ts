import assert from 'node:assert/strict';

import { RUN_ID_VARIABLE, createRunId } from '../run-id.ts';
import { shellScript } from '../script.ts';
import { assertGone, processState, rejectsWith, sh, until, within } from './support.ts';
import type { HostCase } from './support.ts';

/** What disposing a host promises. */
export const disposeCases: readonly HostCase[] = [
  {
    name: 'dispose ends running commands, which reject with DISPOSED',
    run: async ({ host, directory, openHost }) => {
      const other = await openHost();
      const file = `${directory}/pid`;
      const running = rejectsWith(
        other.run(shellScript('echo $$ >"$1.part" && mv "$1.part" "$1"; sleep 600', file)),
        'DISPOSED',
      );
      const child = await other.spawn(['sleep', '600']);
      const exited = rejectsWith(child.exited, 'DISPOSED');
      await until('the command runs', async () => (await host.run(['test', '-e', file])).exitCode === 0);
      await other[Symbol.asyncDispose]();
      await within('the rejections', Promise.all([running, exited]));
      await assertGone(host, [await sh(host, 'cat "$1"', file)]);
    },
  },
  {
    name: 'dispose may be called twice, also at the same time, and before anything was run',
    run: async ({ openHost }) => {
      const other = await openHost();
      await Promise.all([other[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
      await other[Symbol.asyncDispose]();
      await rejectsWith(other.run(['true']), 'DISPOSED');
    },
  },
  {
    name: 'dispose makes later calls reject with DISPOSED',
    run: async ({ openHost }) => {
      const other = await openHost();
      assert.equal((await other.run(['true'])).exitCode, 0);
      await other[Symbol.asyncDispose]();
      await rejectsWith(other.run(['true']), 'DISPOSED');
      await rejectsWith(other.spawn(['true']), 'DISPOSED');
      await rejectsWith(other.forwardPort(80), 'DISPOSED');
    },
  },
  {
    name: 'dispose ends what commands left in the background, but not what carries a run id of its own',
    run: async ({ host, openHost }) => {
      const other = await openHost();
      const script = 'setsid sleep 600 >/dev/null 2>&1 & echo $!';
      const leftOver = await sh(other, script);
      const own = await other.run(shellScript(script), { env: { [RUN_ID_VARIABLE]: createRunId() } });
      const kept = own.stdout.toString().trim();
      try {
        await other[Symbol.asyncDispose]();
        await assertGone(host, [leftOver]);
        assert.notEqual(await processState(host, kept), '', 'a process with a run id of its own was ended');
      } finally {
        // Nobody else would end it.
        await host.run(['kill', '-KILL', kept]);
      }
    },
  },
];
