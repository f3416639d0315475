import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { isAlive, until } from '../../test/processes.ts';
import { describeSupervised, firstLine, nothingLeft, sh } from '../../test/supervised-bench.ts';
import { followLines } from './follow-lines.ts';
import { createRunId } from './run-id.ts';
import type { SupervisedProcess } from './supervised-process.ts';
import { findSupervised } from './supervised.ts';

/** Its record as it is on the disk: run id, and the pids of supervisor, command and watcher. */
function pidsOf(
  directory: string,
  { id }: SupervisedProcess,
): Readonly<Record<'supervisor' | 'command' | 'watcher', number>> {
  const record = readFileSync(join(directory, 'control', id, 'record'), 'utf8');
  const [, , , supervisor, , command, , watcher] = record.split(' ');
  return { supervisor: Number(supervisor), command: Number(command), watcher: Number(watcher) };
}

describeSupervised('a supervised process', (bench) => {
  const { start } = bench;

  it('outlives its host object, is found again and stopped', async () => {
    const { directory, host, open, started } = bench;
    const process = await start(sh('trap "" TERM; echo ready; setsid sleep 1000 & sleep 1000; sleep 1000'));
    await firstLine(process);
    const watched = process.exited;
    await host[Symbol.asyncDispose]();
    await expect(watched).rejects.toMatchObject({ code: 'DISPOSED' });
    await using other = open();
    const found = await findSupervised(other, directory);
    expect(found.map(({ id, runId, pid, wasRunning }) => ({ id, runId, pid, wasRunning }))).toEqual([
      { id: process.id, runId: process.runId, pid: process.pid, wasRunning: true },
    ]);
    expect(await findSupervised(other, directory, { runId: createRunId() })).toEqual([]);
    started.splice(0, 1, ...found);
    await found[0]?.stop({ graceMs: 200 });
    expect(await found[0]?.exited).toMatchObject({ signal: 'SIGKILL', leaseExpired: false });
    await nothingLeft(process);
    expect((await findSupervised(other, directory)).map(({ wasRunning }) => wasRunning)).toEqual([false]);
    started.length = 0;
  });

  it('sends TERM again to what swallows the first', async () => {
    const process = await start(sh('trap "trap \\"exit 5\\" TERM" TERM; echo ready; while :; do sleep 0.05; done'));
    await firstLine(process);
    await process.stop({ graceMs: 3000 });
    expect(await process.exited).toMatchObject({ exitCode: 5 });
    await process.stop();
  });

  it('goes on when its supervisor is killed; the watcher records the end', async () => {
    const { directory } = bench;
    const process = await start(sh('echo ready; while [ ! -e go ]; do sleep 0.05; done; echo done; exit 4'), {
      leaseMs: 4000,
    });
    await firstLine(process);
    globalThis.process.kill(pidsOf(bench.directory, process).supervisor, 'SIGKILL');
    const renewed = await process.renewLease().then(() => true);
    expect(renewed).toBe(true);
    writeFileSync(join(directory, 'go'), '');
    expect(await process.exited).toMatchObject({ exitCode: 4, leaseExpired: false });
    expect(readFileSync(process.output.path, 'utf8')).toBe('ready\ndone\n');
    await nothingLeft(process);
  });

  it('still enforces the lease when its supervisor is killed', async () => {
    const process = await start(sh('setsid sleep 1000; sleep 1000'), { leaseMs: 1000 });
    globalThis.process.kill(pidsOf(bench.directory, process).supervisor, 'SIGKILL');
    expect(await process.exited).toMatchObject({ signal: 'SIGTERM', leaseExpired: true });
    await nothingLeft(process);
  });

  it('is lost when all that could say how it ended are killed', async () => {
    const process = await start(sh('echo ready; sleep 1000'));
    await firstLine(process);
    const { supervisor, watcher, command } = pidsOf(bench.directory, process);
    globalThis.process.kill(watcher, 'SIGKILL');
    // A signal is only on its way when kill returns: until it is taken, the watcher is there.
    await until(() => !isAlive(watcher), `the end of ${watcher}`);
    await expect(process.renewLease()).rejects.toMatchObject({ code: 'SUPERVISOR_LOST' });
    globalThis.process.kill(supervisor, 'SIGKILL');
    globalThis.process.kill(command, 'SIGKILL');
    await expect(process.exited).rejects.toMatchObject({ code: 'SUPERVISOR_LOST' });
    await process.stop();
    await nothingLeft(process);
  });

  it('ends the tree when the lease does, and not while it is renewed', async () => {
    const process = await start(sh('trap "" TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.3; done'), {
      leaseMs: 2000,
    });
    for await (const { line } of followLines(process.output, { pollMs: 20 })) {
      await process.renewLease();
      if (line === '12') break;
    }
    expect(isAlive(process.pid)).toBe(true);
    expect(await process.exited).toMatchObject({ signal: 'SIGKILL', leaseExpired: true });
    expect(existsSync(process.output.path)).toBe(true);
    await nothingLeft(process);
  });

  it('ends the tree when its directory is gone', async () => {
    const { directory } = bench;
    const process = await start(sh('setsid sleep 1000; sleep 1000'), { leaseMs: 4000 });
    rmSync(join(directory, 'control'), { recursive: true });
    await nothingLeft(process);
  });

  it('signals nothing on the word of a forged record', async () => {
    const { directory, host } = bench;
    const bystander = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    await once(bystander, 'spawn');
    try {
      const process = await start(sh('sleep 1000'), { id: 'real' });
      const stat = readFileSync(`/proc/${bystander.pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
      const victim = `${bystander.pid} ${stat[19]}`;
      const [, , bootId] = readFileSync(join(directory, 'control', 'real', 'record'), 'utf8').split(' ');
      for (const [id, record] of [
        ['forged', `1 ${createRunId()} ${bootId} ${victim} ${victim} ${victim}`],
        ['garbage', 'x'.repeat(100_000)],
        ['-rf', `1 ${createRunId()} ${bootId} 1 1 0 0 -1 -1`],
        ['glob', '* * * * * * * * *'],
      ] as const) {
        mkdirSync(join(directory, 'control', id));
        writeFileSync(join(directory, 'control', id, 'record'), `${record}\n`);
      }
      const found = await findSupervised(host, directory);
      expect(Object.fromEntries(found.map(({ id, wasRunning }) => [id, wasRunning]))).toEqual({
        forged: false,
        real: true,
      });
      await found.find(({ id }) => id === 'forged')?.stop({ graceMs: 100 });
      expect(isAlive(bystander.pid ?? 0)).toBe(true);
      expect(isAlive(process.pid)).toBe(true);
    } finally {
      bystander.kill('SIGKILL');
    }
  });
});
