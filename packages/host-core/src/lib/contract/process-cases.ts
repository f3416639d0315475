import assert from 'node:assert/strict';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';

import type { Host, HostProcess } from '../host.ts';
import { shellScript } from '../script.ts';
import { assertGone, collect, processState, rejectsWith, sh, until, within } from './support.ts';
import type { HostCase } from './support.ts';

// Prints the pids of: itself, a child, a child in a session of its own, an orphan in another session. All ignore TERM.
const stubbornTree = `
trap '' TERM
sleep 600 & a=$!
setsid sleep 600 & b=$!
c=$( (setsid sh -c 'sleep 600 >/dev/null 2>&1 & echo $!') )
echo $$ $a $b $c
while :; do sleep 600; done`;

/** Waits for the first line of a process. */
async function firstLine(child: HostProcess): Promise<string> {
  let text = '';
  const chunks = child.stdout[Symbol.asyncIterator]();
  while (!text.includes('\n')) {
    const step = await within('the first line', Promise.resolve(chunks.next()));
    assert.ok(step.done !== true, 'the output ended before its first line');
    text += Buffer.from(step.value).toString();
  }
  return text.slice(0, text.indexOf('\n'));
}

async function startTree(host: Host): Promise<{ child: HostProcess; pids: string[] }> {
  const child = await host.spawn(shellScript(stubbornTree));
  const pids = (await firstLine(child)).split(' ');
  assert.equal(pids.length, 4);
  for (const pid of pids) assert.notEqual(await processState(host, pid), '');
  return { child, pids };
}

async function exitOf(starting: Promise<HostProcess>): Promise<void> {
  await (
    await starting
  ).exited;
}

/** What `spawn` promises, and how things end: kill, abort, timeout. */
export const processCases: readonly HostCase[] = [
  {
    name: 'spawn hands over output while the command runs',
    run: async ({ host }) => {
      await using child = await host.spawn(shellScript('echo first; sleep 600'));
      assert.equal(await firstLine(child), 'first');
    },
  },
  {
    name: 'spawn tells how the command ended, also when nobody reads its output',
    run: async ({ host }) => {
      const silent = await host.spawn(shellScript('exit 9'));
      assert.deepEqual(await within('exit', silent.exited), { exitCode: 9, signal: undefined });
      const printing = await host.spawn(shellScript('echo something; exit 8'));
      assert.deepEqual(await within('exit', printing.exited), { exitCode: 8, signal: undefined });
      assert.equal((await collect(printing.stdout)).toString(), 'something\n');
    },
  },
  {
    name: 'spawn throws as run does',
    run: async ({ host, directory }) => {
      await rejectsWith(host.spawn(['optio-no-such-program']), 'COMMAND_NOT_FOUND');
      await rejectsWith(host.spawn(['true'], { cwd: `${directory}/none` }), 'CWD_NOT_FOUND');
      await assert.rejects((async () => host.spawn([]))(), TypeError);
    },
  },
  {
    name: 'spawn lets the command wait while nobody reads',
    run: async ({ host }) => {
      await using child = await host.spawn(shellScript('echo $$ >&2; exec head -c 40000000 /dev/zero'));
      const pid = Buffer.from((await child.stderr[Symbol.asyncIterator]().next()).value ?? [])
        .toString()
        .trim();
      await until('the writer sleeps', async () => {
        const state = await processState(host, pid);
        assert.notEqual(state, '', 'the writer has ended: somebody holds 40 MB');
        return state === 'S';
      });
      assert.equal((await collect(child.stdout)).byteLength, 40_000_000);
    },
  },
  {
    name: 'spawn lets the command wait for a slow reader: little is held between them, however much is read',
    run: async ({ host, directory }) => {
      const script = 'i=0; while head -c 1048576 /dev/zero; do i=$((i + 1)); echo $i >"$1"; done';
      await using child = await host.spawn(shellScript(script, `${directory}/written`));
      let bytes = 0;
      for await (const chunk of child.stdout) {
        const hasPassed = Math.floor((bytes + chunk.byteLength) / 1_048_576) !== Math.floor(bytes / 1_048_576);
        bytes += chunk.byteLength;
        // Meanwhile as much comes as is let through.
        if (hasPassed) await host.run(['true']);
        if (bytes > 40 * 1_048_576) break;
      }
      assert.ok(bytes > 40 * 1_048_576, `the output ended after ${bytes} bytes`);
      const written = Number(await sh(host, 'cat "$1"', `${directory}/written`)) * 1_048_576;
      assert.ok(written - bytes < 12 * 1_048_576, `${written} bytes were written when ${bytes} had been read`);
    },
  },
  {
    name: 'spawn lets the command go on when its reader stops reading',
    run: async ({ host, directory }) => {
      const script = 'for i in 1 2 3 4 5; do head -c 200000 /dev/zero || exit 1; done; echo done >"$1"';
      const child = await host.spawn(shellScript(script, `${directory}/end`));
      for await (const chunk of child.stdout) {
        assert.notEqual(chunk.byteLength, 0);
        break;
      }
      assert.deepEqual(await within('exit', child.exited), { exitCode: 0, signal: undefined });
      assert.equal(await sh(host, 'cat "$1"', `${directory}/end`), 'done');
    },
  },
  {
    name: 'kill ends children, sessions and orphans that ignore TERM, and resolves when all are gone',
    run: async ({ host }) => {
      const { child, pids } = await startTree(host);
      await child.kill({ graceMs: 100 });
      await assertGone(host, pids);
      const exit = await within('exit', child.exited);
      assert.equal(exit.exitCode, undefined);
      assert.equal(exit.signal, 'SIGKILL');
    },
  },
  {
    name: 'kill gives the command its grace',
    run: async ({ host, directory }) => {
      const script = `trap 'sleep 0.2; echo cleaned >"$1"; exit 5' TERM; echo ready; while :; do sleep 0.1; done`;
      const child = await host.spawn(shellScript(script, `${directory}/cleaned`));
      await firstLine(child);
      await child.kill({ graceMs: 20_000 });
      assert.equal((await child.exited).exitCode, 5);
      assert.equal(await sh(host, 'cat "$1"', `${directory}/cleaned`), 'cleaned');
    },
  },
  {
    name: 'kill may be called twice, at the same time, and after the end',
    run: async ({ host }) => {
      const { child, pids } = await startTree(host);
      await Promise.all([child.kill({ graceMs: 0 }), child.kill({ graceMs: 0 })]);
      await child.kill();
      await assertGone(host, pids);
      const ended = await host.spawn(['true']);
      await ended.exited;
      await ended.kill();
    },
  },
  {
    name: 'kill ends what a command left behind when it had already ended',
    run: async ({ host }) => {
      const script = 'sleep 600 >/dev/null 2>&1 & a=$!; setsid sleep 600 >/dev/null 2>&1 & echo $a $!';
      const child = await host.spawn(shellScript(script));
      const pids = (await firstLine(child)).split(' ');
      await within('exit', child.exited);
      for (const pid of pids) assert.notEqual(await processState(host, pid), '');
      await child.kill({ graceMs: 0 });
      await assertGone(host, pids);
    },
  },
  {
    name: 'disposing a process is killing it',
    run: async ({ host }) => {
      const pids: string[] = [];
      {
        await using child = await host.spawn(shellScript('echo $$; exec sleep 600'));
        pids.push(await firstLine(child));
      }
      await assertGone(host, pids);
    },
  },
  {
    name: 'abort before the start starts nothing',
    run: async ({ host, directory }) => {
      const reason = new Error('not wanted');
      const abortSignal = AbortSignal.abort(reason);
      const command = shellScript('echo started >"$1"', `${directory}/started`);
      const error = await rejectsWith(host.run(command, { abortSignal }), 'ABORTED');
      assert.equal(error.cause, reason);
      await rejectsWith(host.spawn(command, { abortSignal }), 'ABORTED');
      assert.equal(await sh(host, '[ ! -e "$1" ] && echo none', `${directory}/started`), 'none');
    },
  },
  {
    name: 'abort during the start ends what starts',
    run: async ({ host }) => {
      // In the same turn as the call, and in some of those that come next.
      for (const turns of [0, 1, 4]) {
        const controller = new AbortController();
        const { signal: abortSignal } = controller;
        const running = rejectsWith(host.run(['sleep', '600'], { abortSignal }), 'ABORTED');
        const spawning = rejectsWith(exitOf(host.spawn(['sleep', '600'], { abortSignal })), 'ABORTED');
        for (let turn = 0; turn < turns; turn += 1) await nextTurn();
        controller.abort();
        await within(`an abort after ${turns} turns`, Promise.all([running, spawning]), 20_000);
      }
    },
  },
  {
    name: 'abort ends the tree of a run before it rejects',
    run: async ({ host, directory }) => {
      const controller = new AbortController();
      const file = `${directory}/pids`;
      const script = `exec >"$1"; ${stubbornTree}`;
      const running = host.run(shellScript(script, file), { abortSignal: controller.signal });
      const rejected = rejectsWith(running, 'ABORTED');
      let pids: string[] = [];
      await until('the tree has started', async () => {
        const written = await host.run(['cat', file]);
        pids = written.stdout.toString().trim().split(' ');
        return pids.length === 4;
      });
      controller.abort();
      await rejected;
      await assertGone(host, pids);
    },
  },
  {
    name: 'abort fails the streams of a spawned command: a cut output never looks whole',
    run: async ({ host }) => {
      const controller = new AbortController();
      const child = await host.spawn(shellScript('echo half; sleep 600'), { abortSignal: controller.signal });
      const read = async (): Promise<void> => {
        for await (const chunk of child.stdout) if (chunk.byteLength > 0) controller.abort();
      };
      await rejectsWith(read(), 'ABORTED');
      await rejectsWith(child.exited, 'ABORTED');
    },
  },
  {
    name: 'abort after the end changes nothing',
    run: async ({ host }) => {
      const controller = new AbortController();
      const { signal: abortSignal } = controller;
      const child = await host.spawn(['true'], { abortSignal });
      await child.exited;
      const result = await host.run(['echo', 'x'], { abortSignal });
      controller.abort();
      assert.equal((await child.exited).exitCode, 0);
      assert.equal(result.stdout.toString(), 'x\n');
    },
  },
  {
    name: 'timeoutMs ends the tree and rejects with TIMEOUT',
    run: async ({ host, directory }) => {
      const script = 'echo $$ >"$1"; exec sleep 600';
      const running = host.run(shellScript(script, `${directory}/pid`), { timeoutMs: 1000 });
      await within('the timeout', rejectsWith(running, 'TIMEOUT'));
      await assertGone(host, [await sh(host, 'cat "$1"', `${directory}/pid`)]);
    },
  },
  {
    name: 'timeoutMs does not touch a command that is in time',
    run: async ({ host }) => {
      const result = await host.run(['echo', 'in time'], { timeoutMs: 60_000 });
      assert.equal(result.stdout.toString(), 'in time\n');
      assert.equal((await host.run(['true'], { timeoutMs: Number.MAX_SAFE_INTEGER })).exitCode, 0);
    },
  },
  {
    name: 'the host goes on after commands that were aborted',
    run: async ({ host }) => {
      const aborted = Array.from({ length: 5 }, async () => {
        const controller = new AbortController();
        const running = rejectsWith(host.run(['sleep', '600'], { abortSignal: controller.signal }), 'ABORTED');
        await delay(0);
        controller.abort();
        return running;
      });
      await within('the aborts', Promise.all(aborted));
      assert.equal((await host.run(['echo', 'still here'])).stdout.toString(), 'still here\n');
    },
  },
];
