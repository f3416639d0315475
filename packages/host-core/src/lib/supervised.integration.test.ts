import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { processesRunning, processesWith } from '../../test/processes.ts';
import { describeSupervised, nothingLeft, sh } from '../../test/supervised-bench.ts';
import { followLines } from './follow-lines.ts';
import { createLocalHost } from './local-host.ts';
import { createRunId } from './run-id.ts';
import { findSupervised, startSupervised } from './supervised.ts';

describeSupervised('startSupervised', (bench) => {
  const { start } = bench;

  it('writes files before it starts, and starts nothing where they cannot be written', async () => {
    const { directory } = bench;
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
    const { directory } = bench;
    const process = await start(sh('pwd; echo out; echo err >&2; umask; cat; exit 7'), { cwd: directory });
    expect(process.wasRunning).toBe(true);
    expect(await process.exited).toEqual({ exitCode: 7, signal: undefined, leaseExpired: false });
    const lines = readFileSync(process.output.path, 'utf8').split('\n');
    expect(lines.slice(0, 3)).toEqual([directory, 'out', 'err']);
    expect(Number(lines[3])).toBe(Number(execFileSync('sh', ['-c', 'umask'], { encoding: 'utf8' })));
    expect(readdirSync(join(directory, 'control', process.id)).toSorted()).toEqual([
      'ended.itself',
      'errors',
      'exit.7',
      'lease.0',
      'output',
      'record',
    ]);
    expect(statSync(join(directory, 'control')).mode & 0o777).toBe(0o700);
    expect(statSync(process.output.path).mode & 0o777).toBe(0o600);
    await nothingLeft(process);
  });

  it('stands in the list of processes with a short line, which tells no secret', async () => {
    const process = await start(sh('env | grep -c ^OPTIO_; sleep 1000'), { env: { TOKEN: 'hunter2' } });
    for await (const { line } of followLines(process.output)) {
      // The command itself has the run's id, and nothing of ours beside.
      expect(line.trim()).toBe('1');
      break;
    }
    const mine = [
      ...processesWith(`OPTIO_RUN_ID=${process.runId}`),
      ...processesWith(`OPTIO_SUPERVISOR_OF=${process.runId}`),
    ];
    expect(mine.length).toBeGreaterThan(2);
    for (const pid of mine) {
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      expect(argv.length, argv).toBeLessThan(800);
      expect(argv).not.toContain('hunter2');
    }
    await process.stop({ graceMs: 0 });
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
    const { directory } = bench;
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
    for (const name of readdirSync(join(directory, 'control', process.id))) {
      const path = join(directory, 'control', process.id, name);
      if (statSync(path).isFile()) expect(readFileSync(path, 'utf8')).not.toContain(password);
    }
  });

  it('says why it cannot start', async () => {
    const { directory } = bench;
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
    const { started } = bench;
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

  it('leaves nothing behind when its start is cancelled', async () => {
    const { directory, host } = bench;
    for (const milliseconds of [4, 12, 20, 30]) {
      const runId = createRunId();
      const abortSignal = AbortSignal.timeout(milliseconds);
      const attempt = startSupervised(host, { directory, command: sh('sleep 1000'), runId, abortSignal });
      const result = await attempt.then(
        (process) => process,
        () => undefined,
      );
      await result?.stop({ graceMs: 0 });
      await nothingLeft({ runId });
    }
  });
});

describe('startSupervised', () => {
  let directory: string;
  beforeEach(() => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'optio-supervised-')));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('survives the death of the program that started it', async () => {
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
    await using host = createLocalHost();
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
      await using host = createLocalHost();
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
      await nothingLeft({ runId });
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
    await using host = createLocalHost();
    await expect(startSupervised(host, { directory, command: ['true'], ...options })).rejects.toThrow(TypeError);
    expect(readdirSync(directory)).toEqual([]);
  });
});
