import assert from 'node:assert/strict';

import { followLines } from '../follow-lines.ts';
import { createRunId } from '../run-id.ts';
import { shellScript } from '../script.ts';
import { findSupervised, startSupervised } from '../supervised.ts';
import { assertGone, processState, within } from './support.ts';
import type { HostCase } from './support.ts';

/** What supervised processes promise on every host. */
export const supervisedCases: readonly HostCase[] = [
  {
    name: 'startSupervised keeps the output and the exit code of a command that gets its variables',
    run: async ({ host, directory }) => {
      const command = shellScript('printf "%s\\n" "$OPTIO_CASE" "$1"; echo problem >&2; exit 7', "it's $HOME");
      const env = { OPTIO_CASE: 'Grüße' };
      const supervised = await startSupervised(host, { directory, command, env });
      const lines: string[] = [];
      const reading = (async () => {
        for await (const { line } of followLines(supervised.output, { until: supervised.exited })) lines.push(line);
      })();
      await within('the output', reading);
      assert.deepEqual(lines, ['Grüße', "it's $HOME", 'problem']);
      const exit = await within('the exit', supervised.exited);
      assert.deepEqual(exit, { exitCode: 7, signal: undefined, leaseExpired: false });
    },
  },
  {
    name: 'a supervised process outlives the host object, is found again by its run id, and is stopped with what it started',
    run: async ({ host, directory, openHost }) => {
      const runId = createRunId();
      const other = await openHost();
      const script = 'trap "" TERM; sleep 600 & echo $$ $!; while :; do sleep 600; done';
      const { output, exited } = await startSupervised(other, { directory, runId, command: shellScript(script) });
      let pids: readonly string[] = [];
      for await (const { line } of followLines(output)) {
        pids = line.split(' ');
        break;
      }
      const cut = exited.catch((error: unknown) => error);
      await other[Symbol.asyncDispose]();
      await within('the end of the waiting', cut);
      assert.equal(pids.length, 2);
      const [found, ...others] = await findSupervised(host, directory, { runId });
      assert.ok(found !== undefined, 'it is not found');
      assert.deepEqual([others.length, found.wasRunning, found.runId], [0, true, runId]);
      for (const pid of pids) assert.notEqual(await processState(host, pid), '', `${pid} has ended`);
      await found.renewLease();
      await within('stop', found.stop({ graceMs: 0 }));
      await assertGone(host, pids);
      assert.equal((await within('the exit', found.exited)).leaseExpired, false);
    },
  },
];
