import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterEach, describe, expect, it } from 'vitest';

import { killCommand } from './kill-script.ts';
import type { KillTarget } from './kill-script.ts';
import { killLocally, readStartTime } from './local-kill.ts';
import { RUN_ID_VARIABLE, createRunId } from './run-id.ts';

const run = promisify(execFile);
const leftOver: ChildProcess[] = [];
const testRunId = createRunId().slice(0, 12);

afterEach(async () => {
  leftOver.length = 0;
  await killLocally({ runId: testRunId, graceMs: 0 }, { PATH: process.env['PATH'] ?? '' }, 'this machine');
});

/** Starts `sh -c script` as leader of a session and waits for its first line: pids, separated by blanks. */
async function startTree(script: string, runId: string): Promise<{ leader: number; pids: number[] }> {
  const child = spawn('sh', ['-c', script], {
    detached: true,
    env: { ...process.env, [RUN_ID_VARIABLE]: runId },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  leftOver.push(child);
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return { leader: child.pid as number, pids: line.toString().trim().split(' ').map(Number) };
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

// Ignores TERM, has a child in its group, one in a session of its own, and one that was orphaned into another session.
const stubbornTree = `
trap '' TERM
sleep 600 & a=$!
setsid sleep 600 & b=$!
d=$( (setsid sh -c 'sleep 600 >/dev/null 2>&1 & echo $!') )
echo $$ $a $b $d
while :; do sleep 600; done`;

const shells = { dash: '/bin/dash', bash: '/bin/bash', busybox: '/bin/busybox' };

describe('killCommand', () => {
  for (const [name, shell] of Object.entries(shells)) {
    it(`ends and confirms a tree that ignores TERM, run by ${name} as sh`, async (ctx) => {
      if (!(await exists(shell))) ctx.skip(`needs ${name}: install Debian's ${name}`);
      const directory = await mkdtemp(join(tmpdir(), 'optio-kill-'));
      await symlink(shell, join(directory, 'sh'));
      // The script itself appends /usr/bin to its PATH: what is in front counts.
      const tools = name === 'busybox' ? ['grep', 'awk', 'sleep'] : [];
      for (const tool of tools) await symlink(shell, join(directory, tool));
      const runId = createRunId(testRunId);
      const tree = await startTree(stubbornTree, runId);
      expect(await Promise.all(tree.pids.map(isAlive))).not.toContain(false);

      const [, ...parameters] = killCommand({ runId, roots: [{ pid: tree.leader }], graceMs: 50 });
      await run(join(directory, 'sh'), parameters, { env: { PATH: `${directory}:${process.env['PATH']}` } });

      expect(await Promise.all(tree.pids.map(isAlive))).not.toContain(true);
      await rm(directory, { recursive: true });
    });
  }

  const kill = async (target: KillTarget): Promise<number> => {
    const [program = '', ...parameters] = killCommand(target);
    return run(program, parameters).then(
      () => 0,
      (error: { code: number }) => error.code,
    );
  };

  it('gives a process that ends at TERM the time to do so', async () => {
    const script = `trap 'echo bye; exit 7' TERM; echo $$; while :; do sleep 0.1; done`;
    const tree = await startTree(script, createRunId(testRunId));
    const child = leftOver.at(-1) as ChildProcess;
    const exit = once(child, 'exit');
    expect(await kill({ roots: [{ pid: tree.leader }], graceMs: 20_000 })).toBe(0);
    expect(await exit).toEqual([7, null]);
  });

  it('lets a script that is ended clean up, children and all', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'optio-kill-'));
    const cleanup = `trap 'sleep 0.2; rm -r ${directory}' EXIT; trap 'exit 1' TERM`;
    const tree = await startTree(`${cleanup}; echo $$; sleep 600; sleep 600`, createRunId(testRunId));
    expect(await kill({ roots: [{ pid: tree.leader }], graceMs: 20_000 })).toBe(0);
    expect(await exists(directory)).toBe(false);
  });

  it('sends TERM once more to what lost the first one', async () => {
    const script = `trap 'n=x$n; [ $n != xx ] || exit 5' TERM; echo $$; while :; do sleep 0.1; done`;
    const tree = await startTree(script, createRunId(testRunId));
    const exit = once(leftOver.at(-1) as ChildProcess, 'exit');
    expect(await kill({ roots: [{ pid: tree.leader }], graceMs: 2000 })).toBe(0);
    expect(await exit).toEqual([5, null]);
  });

  it('ends what is stopped', async () => {
    const tree = await startTree('echo $$; kill -STOP $$', createRunId(testRunId));
    expect(await kill({ roots: [{ pid: tree.leader }], graceMs: 20_000 })).toBe(0);
    expect(await isAlive(tree.leader)).toBe(false);
  });

  it('leaves a process alone whose start time is another one', async () => {
    const tree = await startTree('sleep 600 & echo $$ $!; wait', createRunId(testRunId));
    expect(await kill({ roots: [{ pid: tree.leader, startTime: '1' }] })).toBe(0);
    expect(await kill({ roots: [{ pid: tree.leader, startTime: 'gone' }] })).toBe(0);
    expect(await Promise.all(tree.pids.map(isAlive))).toEqual([true, true]);

    const startTime = readStartTime(tree.leader) as string;
    expect(await kill({ roots: [{ pid: tree.leader, startTime }] })).toBe(0);
    expect(await Promise.all(tree.pids.map(isAlive))).toEqual([false, false]);
  });

  it('finds by the start of a run id what left the tree', async () => {
    const runId = createRunId(testRunId);
    const tree = await startTree(stubbornTree, runId);
    expect(await kill({ runId: runId.slice(0, 12), graceMs: 0 })).toBe(0);
    expect(await Promise.all(tree.pids.map(isAlive))).not.toContain(true);
  });

  it('spares a process and its descendants', async () => {
    const runId = createRunId(testRunId);
    const tree = await startTree('sleep 600 & a=$!; sh -c "sleep 600; :" & echo $! $a; wait', runId);
    const [spared = 0, other = 0] = tree.pids;
    expect(await kill({ runId, roots: [{ pid: tree.leader }], graceMs: 0, spare: [spared] })).toBe(0);
    expect([await isAlive(spared), await isAlive(other), await isAlive(tree.leader)]).toEqual([true, false, false]);
    expect(await kill({ runId, graceMs: 0 })).toBe(0);
    expect(await isAlive(spared)).toBe(false);
  });

  it('is not fooled by a process whose name looks like an entry of another one', async (ctx) => {
    if (!(await exists('/usr/bin/perl'))) ctx.skip('needs perl: install it');
    const bystander = await startTree('echo $$; sleep 600', createRunId(testRunId));
    const runId = createRunId(testRunId);
    const name = `\\n${bystander.leader} (`;
    const forger = await startTree(`exec perl -e '$| = 1; $0 = "x${name}"; print "$$\\n"; sleep 600'`, runId);
    expect(await readFile(`/proc/${forger.leader}/stat`, 'latin1')).toContain(`\n${bystander.leader} (`);
    expect(await kill({ runId, roots: [{ pid: forger.leader }], graceMs: 0 })).toBe(0);
    expect([await isAlive(forger.leader), await isAlive(bystander.leader)]).toEqual([false, true]);
  });

  it('does not call a tree ended when it cannot look', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'optio-kill-'));
    await symlink('/bin/false', join(directory, 'awk'));
    const [, ...parameters] = killCommand({ runId: createRunId(testRunId) });
    const ended = run('/bin/sh', parameters, { env: { PATH: `${directory}:/usr/bin:/bin` } });
    await expect(ended).rejects.toMatchObject({ code: 2, stderr: 'cannot list processes\n' });
    await rm(directory, { recursive: true });
  });

  it.each([
    [{ runId: 'x.*' }],
    [{ roots: [{ pid: 1 }] }],
    [{ roots: [{ pid: 5, startTime: '1 2' }] }],
    [{ spare: [0] }],
  ])('refuses %j', (target) => {
    expect(() => killCommand(target)).toThrow(TypeError);
  });
});
