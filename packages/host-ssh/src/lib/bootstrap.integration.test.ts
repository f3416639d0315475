import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';

import { bootstrapCommand, composeLaunch, parseReady, type Launch } from './bootstrap.ts';

const nonce = '0123456789abcdef01234567';
const loginShells = ['dash', 'bash', 'busybox', 'zsh', 'fish', 'tcsh', 'mksh'];

interface Outcome {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly code: number | null;
  readonly pid: number | undefined;
}

async function findShell(ctx: TestContext, name: string): Promise<string> {
  for (const directory of ['/bin', '/usr/bin']) {
    const found = await access(join(directory, name)).then(
      () => true,
      () => false,
    );
    if (found) return join(directory, name);
  }
  return ctx.skip(`needs ${name}: apt-get install ${name}`);
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Does what sshd does: the login shell with `-c` and the text, in a process group of its own or not. */
async function launch(
  shell: string,
  { command, env = {}, cwd }: Partial<Launch>,
  options: { readonly input?: Buffer; readonly path?: string; readonly isLeader?: boolean } = {},
): Promise<Outcome> {
  const { input = Buffer.alloc(0), path = process.env['PATH'] ?? '', isLeader = true } = options;
  const words = shell.endsWith('busybox') ? ['sh', '-c'] : ['-c'];
  const child = spawn(shell, [...words, bootstrapCommand(nonce)], {
    detached: isLeader,
    env: { PATH: path, HOME: tmpdir() },
  });
  // A launch that fails ends before it has read its input.
  child.stdin.on('error', () => undefined);
  child.stdin.write(composeLaunch({ command: command ?? ['true'], env, cwd }));
  child.stdin.end(input);
  const exited = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([collect(child.stdout), collect(child.stderr)]);
  const ready = stdout.indexOf('\n');
  return {
    stdout: stdout.subarray(ready + 1),
    stderr: stderr.toString().replaceAll(nonce, 'N'),
    code: (await exited)[0] as number | null,
    pid: parseReady(stdout.toString('latin1', nonce.length, ready))?.pid,
  };
}

describe('the primed shell', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-bootstrap-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  describe.each(loginShells)('under %s', (name) => {
    it('runs a command with arguments, environment, directory and input of any bytes', async (ctx) => {
      const shell = await findShell(ctx, name);
      const bytes = Array.from({ length: 255 }, (_, index) => String.fromCodePoint(index + 1)).join('');
      const script = 'printf %s "$1" "$VALUE"; pwd; exec cat';
      const input = Buffer.from(Array.from({ length: 4096 }, (_, index) => index % 256));
      const result = await launch(
        shell,
        { command: ['sh', '-c', script, 'sh', bytes], env: { VALUE: `${bytes}\n` }, cwd: directory },
        { input },
      );
      expect(result.stdout).toEqual(Buffer.concat([Buffer.from(`${bytes}${bytes}\n${directory}\n`), input]));
      expect(result).toMatchObject({ stderr: 'N-ready\nN-go\n', code: 0 });
    });

    it('tells a missing program from a command that ends with 127', async (ctx) => {
      const shell = await findShell(ctx, name);
      expect((await launch(shell, { command: ['no-such-program'] })).stderr).toBe('N-ready\nN-missing\n');
      expect((await launch(shell, { command: ['cd'] })).stderr).toBe('N-ready\nN-missing\n');
      expect(await launch(shell, { command: ['sh', '-c', 'exit 127'] })).toMatchObject({
        stderr: 'N-ready\nN-go\n',
        code: 127,
      });
    });
  });

  // The shell that evaluates the launch is the one called sh: here each of them in turn.
  describe.each(['dash', 'bash', 'busybox', 'zsh', 'mksh'])('with %s as sh', (name) => {
    const asSh = async (ctx: TestContext): Promise<string> => {
      const shell = await findShell(ctx, name);
      const bin = join(directory, name);
      await access(bin).catch(async () => {
        await mkdir(bin);
        await symlink(shell, join(bin, 'sh'));
      });
      return `${bin}:/usr/bin:/bin`;
    };

    it('evaluates every byte as it is', async (ctx) => {
      const path = await asSh(ctx);
      const bytes = Array.from({ length: 255 }, (_, index) => String.fromCodePoint(index + 1)).join('');
      const result = await launch('/bin/sh', { command: ['printf', '%s', bytes] }, { path });
      expect(result.stdout.toString()).toBe(bytes);
    });

    it('tells each way in which a launch fails', async (ctx) => {
      const path = await asSh(ctx);
      const plain = join(directory, 'plain');
      await writeFile(plain, 'x', { mode: 0o644 });
      const badInterpreter = join(directory, 'bad-interpreter');
      await writeFile(badInterpreter, '#!/no/such/interpreter\n', { mode: 0o755 });
      const report = async (partial: Partial<Launch>): Promise<string> =>
        (await launch('/bin/sh', partial, { path })).stderr.split('\n').at(-2) ?? '';
      expect(await report({ command: [plain] })).toBe('N-denied');
      expect(await report({ command: [directory] })).toBe('N-denied');
      expect(await report({ command: [join(directory, 'none')] })).toBe('N-missing');
      expect(await report({ cwd: join(directory, 'none') })).toBe('N-cwd');
      expect(await report({ cwd: plain })).toBe('N-cwd');
      // zsh drops its trap first and has no way to go on: there, these two end as a command that ends with 126 or 127.
      if (name === 'zsh') return;
      expect(await report({ command: [badInterpreter] })).toBe('N-exec');
      expect(await report({ command: ['true', 'x'.repeat(200_000)] })).toBe('N-exec');
    });

    it('becomes the leader of a group where the server did not make it one, and keeps its pid', async (ctx) => {
      const path = await asSh(ctx);
      const command = ['sh', '-c', 'echo $$; cut -d" " -f5 /proc/$$/stat'];
      const result = await launch('/bin/sh', { command }, { path, isLeader: false });
      expect(result.stdout.toString()).toBe(`${result.pid}\n${result.pid}\n`);
    });

    it('leaves nothing of its own in the environment', async (ctx) => {
      const path = await asSh(ctx);
      const { stdout } = await launch('/bin/sh', { command: ['env'], env: { A: '1' } }, { path });
      const names = stdout
        .toString()
        .split('\n')
        .map((line) => line.split('=')[0]);
      // Some shells export where and who they are; `_` is what bash runs.
      const own = names.filter(
        (variable) => variable && !['PWD', 'OLDPWD', 'SHLVL', 'LOGNAME', '_'].includes(variable),
      );
      expect(new Set(own)).toEqual(new Set(['A', 'HOME', 'PATH']));
    });
  });
});
