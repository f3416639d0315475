import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { isAlive, processesRunning, processesWith, until } from '../../test/processes.ts';
import { shellHosts } from '../../test/shell-hosts.ts';
import { followLines } from './follow-lines.ts';
import type { Command, Host } from './host.ts';
import { createRunId } from './run-id.ts';
import type { SupervisedProcess } from './supervised-process.ts';
import { findSupervised, startSupervised } from './supervised.ts';
import type { StartSupervisedOptions } from './supervised.ts';

let directory: string;
const started: SupervisedProcess[] = [];

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "optio sup'*-")));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((process) => process.stop({ graceMs: 0 })));
  rmSync(directory, { recursive: true, force: true });
});

/** Its record as it is on the disk: run id, and the pids of supervisor, command and watcher. */
function pidsOf({ id }: SupervisedProcess): Readonly<Record<'supervisor' | 'command' | 'watcher', number>> {
  const [, , , supervisor, , command, , watcher] = readFileSync(join(directory, 'control', id, 'record'), 'utf8').split(
    ' ',
  );
  return { supervisor: Number(supervisor), command: Number(command), watcher: Number(watcher) };
}

function filesOf({ id }: SupervisedProcess): readonly string[] {
  return readdirSync(join(directory, 'control', id));
}

async function nothingLeft(process: SupervisedProcess): Promise<void> {
  await until(
    () =>
      processesWith(`OPTIO_RUN_ID=${process.runId}`).length +
        processesWith(`OPTIO_SUPERVISOR_OF=${process.runId}`).length ===
      0,
    `processes of ${process.runId}`,
  );
}

/** Resolves with its first line of output: by then it is well on its way. */
async function firstLine(process: SupervisedProcess): Promise<string> {
  for await (const { line } of followLines(process.output, { pollMs: 20 })) return line;
  throw new Error('no output');
}

const sh = (script: string): Command => ['sh', '-c', script];

describe.each(shellHosts)('startSupervised with $name', ({ missing, open }) => {
  let host: Host;

  const start = async (command: Command, options: Partial<StartSupervisedOptions> = {}): Promise<SupervisedProcess> => {
    const process = await startSupervised(host, { directory, command, ...options });
    started.push(process);
    return process;
  };

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
    host = open({ INHERITED: 'yes', KEEP_THIS: 'two\nINHERITED=lines', AWS_KEY: 'no', SECRET_PASSWORD: 'old' });
  });

  afterEach(async () => {
    await Promise.all(started.splice(0).map((process) => process.stop({ graceMs: 0 })));
    await host?.[Symbol.asyncDispose]();
  });

  it('writes files before it starts, and starts nothing where they cannot be written', async () => {
    const files = [
      { path: 'a/one', content: "it's $HOME \n" },
      { path: 'two', content: 'x'.repeat(100_000) },
    ];
    const workdir = join(directory, "work'dir");
    const process = await start(sh('cat a/one; wc -c <two; cat'), {
      cwd: workdir,
      files: { directory: workdir, files, beneath: directory },
    });
    await process.exited;
    expect(readFileSync(process.output.path, 'utf8').replaceAll(/ +(?=\d)/g, '')).toBe("it's $HOME \n100000\n");

    symlinkSync('/tmp', join(workdir, 'link'));
    const refused = { directory: workdir, files: [{ path: 'link/no', content: '' }], beneath: directory };
    await expect(start(sh('true'), { id: 'refused', files: refused })).rejects.toMatchObject({ code: 'PATH_REFUSED' });
    expect(existsSync(join(directory, 'control/refused'))).toBe(false);
  });

  it('runs to the end, with its output and exit code on record', async () => {
    const process = await start(sh('pwd; echo out; echo err >&2; umask; cat; exit 7'), { cwd: directory });
    expect(process.wasRunning).toBe(true);
    expect(await process.exited).toEqual({ exitCode: 7, signal: undefined, leaseExpired: false });
    const lines = readFileSync(process.output.path, 'utf8').split('\n');
    expect(lines.slice(0, 3)).toEqual([directory, 'out', 'err']);
    expect(Number(lines[3])).toBe(Number(execFileSync('sh', ['-c', 'umask'], { encoding: 'utf8' })));
    expect(filesOf(process).toSorted()).toEqual(['ended.itself', 'errors', 'exit.7', 'lease.0', 'output', 'record']);
    expect(statSync(join(directory, 'control')).mode & 0o777).toBe(0o700);
    expect(statSync(process.output.path).mode & 0o777).toBe(0o600);
    await nothingLeft(process);
  });

  it('gives the command the default signals, and tells which one ended it', async () => {
    const process = await start(sh('grep SigIgn /proc/self/status; kill -INT $$'));
    expect(await process.exited).toEqual({ exitCode: undefined, signal: 'SIGINT', leaseExpired: false });
    expect(readFileSync(process.output.path, 'utf8')).toMatch(/^SigIgn:\s*0+\n/);
  });

  it('passes words through as they are, and runs programs only', async () => {
    const words = ['', ' ', "it's", '"$HOME"', '`id`', 'a\nb', '*', '-n'];
    const process = await start(['printf', '[%s]', ...words]);
    await process.exited;
    expect(readFileSync(process.output.path, 'utf8')).toBe(words.map((word) => `[${word}]`).join(''));
    const builtin = await start(['exec', 'true']).then((found) => found.exited);
    expect(builtin).toMatchObject({ exitCode: 127 });
  });

  it('hides the environment that is not on the list, and keeps values out of argv and disk', async () => {
    const password = `geheim-${createRunId()}`;
    const process = await start(sh('env; echo end; sleep 1000'), {
      env: { SECRET_PASSWORD: password, AWS_REGION: 'given' },
      keepEnv: ['PATH', 'KEEP_*', '!AWS_*', 'AWS_*'],
    });
    for await (const { line } of followLines(process.output, { pollMs: 20 })) if (line === 'end') break;
    const env = readFileSync(process.output.path, 'utf8');
    expect(env).toContain(`SECRET_PASSWORD=${password}\n`);
    expect(env).toContain('AWS_REGION=given\n');
    expect(env).toContain('KEEP_THIS=two\nINHERITED=lines\n');
    expect(env).toContain(`OPTIO_RUN_ID=${process.runId}\n`);
    expect(env).not.toMatch(/^(?:INHERITED=yes|AWS_KEY|HOME|OPTIO_SUPERVISOR_OF)/m);
    expect(processesRunning(password)).toEqual([]);
    writeFileSync(process.output.path, '');
    for (const name of filesOf(process)) {
      const path = join(directory, 'control', process.id, name);
      if (statSync(path).isFile()) expect(readFileSync(path, 'utf8')).not.toContain(password);
    }
  });

  it('says why it cannot start', async () => {
    await expect(start(['no-such-program'])).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' });
    await expect(start(['true'], { cwd: join(directory, 'no') })).rejects.toMatchObject({ code: 'CWD_NOT_FOUND' });
    await expect(start(['true'], { directory: '/nowhere', cwd: '/' })).rejects.toMatchObject({
      code: 'SUPERVISOR_FAILED',
    });
    await start(['true'], { id: 'taken' });
    await expect(start(['true'], { id: 'taken' })).rejects.toMatchObject({ code: 'SUPERVISOR_FAILED' });
    expect(readdirSync(join(directory, 'control'))).toEqual(['taken']);
  });

  it('starts once when twenty want the same id', async () => {
    const attempts = Array.from({ length: 20 }, () => start(sh('sleep 1000'), { id: 'same' }));
    const settled = await Promise.allSettled(attempts);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(processesWith(`OPTIO_RUN_ID=${started[0]?.runId}`).length).toBeGreaterThan(0);
  });

  it('keeps no more output than it may, and the command does not notice', async () => {
    const script =
      'i=0; while [ $i -lt 2000 ]; do echo 0123456789012345678901234567890123456789012345678; i=$((i+1)); done; exit 3';
    const process = await start(sh(script), { maxOutputBytes: 70_001 });
    expect(await process.exited).toMatchObject({ exitCode: 3 });
    expect(statSync(process.output.path).size).toBe(70_001);
    const whole = await start(sh(script));
    await whole.exited;
    expect(statSync(whole.output.path).size).toBe(100_000);
  });

  it('ends what the command leaves behind', async () => {
    const process = await start(sh('setsid sleep 1000 & (sleep 1000 &) ; exit 0'));
    expect(await process.exited).toMatchObject({ exitCode: 0 });
    await nothingLeft(process);
  });

  it('outlives its host object, is found again and stopped', async () => {
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
    const process = await start(sh('echo ready; while [ ! -e go ]; do sleep 0.05; done; echo done; exit 4'), {
      leaseMs: 4000,
    });
    await firstLine(process);
    globalThis.process.kill(pidsOf(process).supervisor, 'SIGKILL');
    const renewed = await process.renewLease().then(() => true);
    expect(renewed).toBe(true);
    writeFileSync(join(directory, 'go'), '');
    expect(await process.exited).toMatchObject({ exitCode: 4, leaseExpired: false });
    expect(readFileSync(process.output.path, 'utf8')).toBe('ready\ndone\n');
    await nothingLeft(process);
  });

  it('still enforces the lease when its supervisor is killed', async () => {
    const process = await start(sh('setsid sleep 1000; sleep 1000'), { leaseMs: 1000 });
    globalThis.process.kill(pidsOf(process).supervisor, 'SIGKILL');
    expect(await process.exited).toMatchObject({ signal: 'SIGTERM', leaseExpired: true });
    await nothingLeft(process);
  });

  it('is lost when all that could say how it ended are killed', async () => {
    const process = await start(sh('echo ready; sleep 1000'));
    await firstLine(process);
    const { supervisor, watcher, command } = pidsOf(process);
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
    const process = await start(sh('setsid sleep 1000; sleep 1000'), { leaseMs: 4000 });
    rmSync(join(directory, 'control'), { recursive: true });
    await nothingLeft(process);
  });

  it('leaves nothing behind when its start is cancelled', async () => {
    for (const milliseconds of [4, 12, 20, 30]) {
      const runId = createRunId();
      const abortSignal = AbortSignal.timeout(milliseconds);
      const attempt = startSupervised(host, { directory, command: sh('sleep 1000'), runId, abortSignal });
      const result = await attempt.then(
        (process) => process,
        () => undefined,
      );
      await result?.stop({ graceMs: 0 });
      await nothingLeft({ runId } as SupervisedProcess);
    }
  });

  it('signals nothing on the word of a forged record', async () => {
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

describe('startSupervised', () => {
  it('survives the death of the program that started it', async () => {
    const [shell] = shellHosts;
    const code = `
      import { createLocalHost } from ${JSON.stringify(new URL('local-host.ts', import.meta.url).href)};
      import { startSupervised } from ${JSON.stringify(new URL('supervised.ts', import.meta.url).href)};
      const host = createLocalHost();
      const found = await startSupervised(host, { directory: ${JSON.stringify(directory)}, command: ['sh', '-c', 'echo ready; while [ ! -e go ]; do sleep 0.05; done; exit 9'] });
      found.exited;
      console.log(found.runId);
      setInterval(() => undefined, 1000);
    `;
    const worker = spawn(
      process.execPath,
      ['--conditions=@optio-ts/source', '--input-type=module-typescript', '-e', code],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [runId] = (await once(worker.stdout, 'data')) as [Buffer];
    worker.kill('SIGKILL');
    await once(worker, 'close');
    if (shell === undefined) throw new Error('no shell');
    await using host = shell.open();
    const [found] = await findSupervised(host, directory, { runId: runId.toString().trim() });
    if (found === undefined) throw new Error('not found');
    expect(found.wasRunning).toBe(true);
    writeFileSync(join(directory, 'go'), '');
    expect(await found.exited).toMatchObject({ exitCode: 9 });
    await nothingLeft(found);
  });

  it('records the exit code on a full disk, and does not start on one', async (context) => {
    if (process.getuid?.() !== 0) context.skip('needs root: run the tests as root');
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'optio-test', directory]);
    } catch {
      context.skip('needs to mount a tmpfs: run the tests with CAP_SYS_ADMIN');
    }
    try {
      const [shell] = shellHosts;
      if (shell === undefined) throw new Error('no shell');
      await using host = shell.open();
      const found = await startSupervised(host, {
        directory,
        command: sh(
          'cat /dev/zero 2>/dev/null >fill; i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; exit 6',
        ),
      });
      expect(await found.exited).toMatchObject({ exitCode: 6 });
      await found.renewLease();
      await nothingLeft(found);
      const runId = createRunId();
      await expect(startSupervised(host, { directory, command: sh('sleep 1000'), runId })).rejects.toMatchObject({
        code: 'SUPERVISOR_FAILED',
      });
      await nothingLeft({ runId } as SupervisedProcess);
      expect(readdirSync(join(directory, 'control'))).toEqual([found.id]);
    } finally {
      execFileSync('umount', [directory]);
    }
  });

  it.each([
    ['a relative directory', { directory: 'tasks' }],
    ['an id that is a path', { id: 'a/b' }],
    ['a run id that is none', { runId: 'x' }],
    ['a lease that is too short', { leaseMs: 999 }],
    ['no program', { command: [] }],
    ['an option as program', { command: ['-c', 'id'] }],
    ['a glob with a line break', { keepEnv: ['A\nB'] }],
    ['a negative limit', { maxOutputBytes: -1 }],
  ])('refuses %s before anything runs', async (_, options) => {
    const [shell] = shellHosts;
    if (shell === undefined) throw new Error('no shell');
    await using host = shell.open();
    await expect(startSupervised(host, { directory, command: ['true'], ...options })).rejects.toThrow(TypeError);
    expect(readdirSync(directory)).toEqual([]);
  });
});
