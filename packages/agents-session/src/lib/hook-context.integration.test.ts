import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost, HostError } from '@optio-ts/host-core';
import type { Host, HostErrorCode } from '@optio-ts/host-core';
import { startHttpServer } from '@optio-ts/testkit';
import type { HttpServer } from '@optio-ts/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createHookContext } from './hook-context.ts';
import type { HookContext } from './hook-context.ts';

let root = '';
let workdir = '';
let messages: string[] = [];
let percents: (number | undefined)[] = [];
let abort = new AbortController();
let context: HookContext;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'optio hook '));
  workdir = join(root, 'w');
  mkdirSync(join(root, 'home'));
  mkdirSync(workdir);
  messages = [];
  percents = [];
  abort = new AbortController();
  context = createContext(host);
});
const createContext = (on: Host): HookContext =>
  createHookContext({
    host: on,
    sessionId: 's',
    workdir,
    isAdopted: false,
    browserEnv: {},
    abortSignal: abort.signal,
    sendToAgent: () => Promise.resolve(false),
    emit: (body) => {
      messages.push('message' in body ? (body.message ?? '') : body.type);
      if (body.type === 'progress') percents.push(body.percent);
    },
  });
const home = mkdtempSync(join(tmpdir(), 'optio home '));
const host = createLocalHost({ env: { PATH: process.env['PATH'] ?? '', HOME: home } });
afterEach(() => rmSync(root, { recursive: true }));
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  rmSync(home, { recursive: true });
});

describe('HookContext.run', () => {
  it('runs in the workdir and returns what was printed', async () => {
    const { stdout, stderr } = await context.run(['sh', '-c', 'pwd -P; echo e >&2']);
    expect([stdout.toString(), stderr.toString()]).toEqual([`${workdir}\n`, 'e\n']);
    expect((await context.run(['pwd'], { cwd: root })).stdout.toString()).toBe(`${root}\n`);
  });

  it('ends with the hook also when it has a signal of its own', async () => {
    const { signal } = new AbortController();
    const running = context.run(['sleep', '1000'], { abortSignal: signal });
    abort.abort();
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('throws on a non-zero exit code unless that is allowed', async () => {
    const command = ['sh', '-c', 'echo broken >&2; exit 7'];
    await expect(context.run(command)).rejects.toMatchObject({ code: 'COMMAND_FAILED', exitCode: 7, stderr: 'broken' });
    await expect(context.run(command)).rejects.toThrow(/^Cannot run sh [^]*exit code 7[^]*broken/);
    const { exitCode, stderr } = await context.run(command, { allowFailure: true });
    expect([exitCode, stderr.toString()]).toEqual([7, 'broken\n']);
  });
});

describe('HookContext.copy', () => {
  it('copies bytes, streams and files of this machine, and says so', async () => {
    const source = join(root, 'source.bin');
    writeFileSync(source, Buffer.alloc(300_000, 7));
    async function* stream(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('st');
      yield Buffer.from('ream');
    }
    expect(await context.copy(Buffer.from('bytes'), 'sub/bytes.txt', { mode: 0o755 })).toBe(true);
    await context.copy(stream(), 'stream.txt');
    await context.copy({ localPath: source }, 'sub/out.bin');
    expect(readFileSync(join(workdir, 'sub/bytes.txt'), 'utf8')).toBe('bytes');
    expect(statSync(join(workdir, 'sub/bytes.txt')).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(workdir, 'stream.txt'), 'utf8')).toBe('stream');
    expect(readFileSync(join(workdir, 'sub/out.bin')).length).toBe(300_000);
    expect(messages).toEqual(['Copying bytes.txt', 'Copying stream.txt', 'Copying out.bin']);
  });

  it('says that a file of this machine is missing, and leaves none open', async () => {
    const missing = join(root, 'missing');
    const open = (name: string): string[] =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`) === name;
        } catch {
          return false;
        }
      });
    // Its own failure, and not one that nobody listens to, however long the host takes to ask for it.
    await expect(context.copy({ localPath: missing }, 'x')).rejects.toThrow(missing);
    await new Promise(setImmediate);
    const source = join(root, 'source.bin');
    writeFileSync(source, 'x');
    await expect(context.copy({ localPath: source }, 'x', { mode: 0o7_777_777 })).rejects.toThrow('x');
    abort.abort();
    await expect(context.copy({ localPath: source }, 'x')).rejects.toThrow();
    await new Promise(setImmediate);
    expect(open(source)).toEqual([]);
    expect(readdirSync(workdir)).toEqual([]);
  });

  it('takes any name that the host can have', async () => {
    const name = `-${'n'.repeat(250)}\n*`;
    await context.copy(Buffer.from('x'), name);
    expect(await context.readText(name)).toBe('x');
    expect(readdirSync(workdir)).toEqual([name]);
  });

  it('copies to the home and to absolute paths', async () => {
    await context.copy(Buffer.from('x'), '~/.config/tool');
    await context.copy(Buffer.from('y'), join(root, 'deep/er/file'));
    expect(readFileSync(join(home, '.config/tool'), 'utf8')).toBe('x');
    expect(readFileSync(join(root, 'deep/er/file'), 'utf8')).toBe('y');
  });

  it('leaves a file alone that has the content already', async () => {
    const source = join(root, 'out.bin');
    writeFileSync(source, 'same');
    writeFileSync(join(workdir, 'out.bin'), 'same');
    chmodSync(join(workdir, 'out.bin'), 0o400);
    const before = statSync(join(workdir, 'out.bin')).mtimeMs;
    expect(await context.copy({ localPath: source }, 'out.bin', { skipIfUnchanged: true })).toBe(false);
    expect(await context.copy(Buffer.from('same'), 'out.bin', { skipIfUnchanged: true })).toBe(false);
    expect(statSync(join(workdir, 'out.bin')).mtimeMs).toBe(before);
    expect(messages).toEqual(['Already up to date: out.bin', 'Already up to date: out.bin']);
    expect(await context.copy(Buffer.from('other'), 'out.bin', { skipIfUnchanged: true })).toBe(true);
    expect(await context.copy(Buffer.from('new'), 'missing.bin', { skipIfUnchanged: true })).toBe(true);
  });

  it('needs the digest of a stream to compare it', async () => {
    async function* stream(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('abc');
    }
    const sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    writeFileSync(join(workdir, 'abc'), 'abc');
    expect(await context.copy(stream(), 'abc', { skipIfUnchanged: true, sha256 })).toBe(false);
    await expect(context.copy(stream(), 'abc', { skipIfUnchanged: true })).rejects.toThrow('sha256');
  });

  it('refuses to leave the workdir', async () => {
    symlinkSync(root, join(workdir, 'up'));
    await expect(context.copy(Buffer.from('x'), '../x')).rejects.toThrow(TypeError);
    await expect(context.copy(Buffer.from('x'), 'up/x')).rejects.toMatchObject({ code: 'PATH_REFUSED' });
  });
});

describe('HookContext.read', () => {
  it('reads from the workdir, the home and anywhere', async () => {
    writeFileSync(join(workdir, 'a'), Buffer.from([0, 255, 10]));
    writeFileSync(join(home, 'b'), 'grüße');
    expect([...(await context.read('a'))]).toEqual([0, 255, 10]);
    expect(await context.readText('~/b')).toBe('grüße');
    expect(await context.readText(join(home, 'b'))).toBe('grüße');
  });

  it('says why it cannot', async () => {
    writeFileSync(join(root, 'secret'), 'secret');
    symlinkSync('../secret', join(workdir, 'leak'));
    writeFileSync(join(workdir, 'large'), 'large');
    await expect(context.read('missing')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(context.read('leak')).rejects.toMatchObject({ code: 'PATH_REFUSED' });
    await expect(context.read('.git/../x')).rejects.toThrow(TypeError);
    expect((await context.read('large', { maxBytes: 5 })).length).toBe(5);
    for (const maxBytes of [1.5, -1, Number.NaN]) {
      await expect(context.read('large', { maxBytes })).rejects.toThrow(TypeError);
    }
    await expect(context.read('large', { maxBytes: 4 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

describe('a link that is lost under a hook', () => {
  /** Each command is lost once: before it has begun, or when it has ended and its answer is on the way. */
  const lossy = (code: HostErrorCode): { readonly on: HookContext; readonly asked: string[] } => {
    const asked: string[] = [];
    const lost = new HostError(code, 'the link is gone');
    const lose = async <Value>(command: readonly string[], run: () => Promise<Value>): Promise<Value> => {
      // Without the parameters of a script: there are names among them that nobody uses twice.
      const key = command.slice(0, 3).join(' ');
      asked.push(key);
      if (asked.indexOf(key) < asked.length - 1) return run();
      if (code === 'CONNECTION_LOST') await run();
      throw lost;
    };
    const on = createContext({
      ...host,
      run: (command, options) => lose(command, () => host.run(command, options)),
      spawn: (command, options) => lose(command, () => host.spawn(command, options)),
    });
    return { on, asked };
  };

  it('is waited for by what may be done twice, and by a command that has not begun', async () => {
    const { on } = lossy('CONNECTION_LOST');
    writeFileSync(join(home, 'b'), 'grüße');
    expect(await on.readText('~/b')).toBe('grüße');
    const { on: unreached } = lossy('CONNECT_FAILED');
    expect((await unreached.run(['echo', 'x'])).stdout.toString()).toBe('x\n');
    expect(await unreached.copy(Buffer.from('other'), 'file', { skipIfUnchanged: true, sha256: 'x' })).toBe(true);
    expect(readFileSync(join(workdir, 'file'), 'utf8')).toBe('other');
  });

  it('is left to the hook where something may have been done, or a stream was begun', async () => {
    const { on, asked } = lossy('CONNECTION_LOST');
    await expect(on.run(['touch', 'once'])).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(readdirSync(workdir)).toEqual(['once']);
    const { on: unreached } = lossy('CONNECT_FAILED');
    async function* stream(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('stream');
    }
    await expect(unreached.copy(stream(), 'stream')).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    await expect(unreached.run(['cat'], { stdin: stream() })).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    expect(asked).toEqual(['touch once']);
    expect(readdirSync(workdir)).toEqual(['once']);
  });

  it('is waited for no longer than the hook has', async () => {
    const { on } = lossy('CONNECT_FAILED');
    const reading = on.read('x');
    abort.abort();
    await expect(reading).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
  });
});

describe('HookContext.download', () => {
  const content = Buffer.alloc(500_000, 'content ');
  const sha256 = createHash('sha256').update(content).digest('hex');
  let server: HttpServer;
  let url: string;
  beforeAll(async () => {
    server = await startHttpServer((request, response) => {
      if (request.url === '/missing') return response.writeHead(404).end();
      response.writeHead(200, { 'content-length': content.byteLength });
      // The rest of it never comes.
      if (request.url === '/stall') return response.write(content.subarray(0, 50_000));
      return response.end(content);
    });
    ({ url } = server);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('downloads into the workdir, the home and anywhere, and says how far it is', async () => {
    const got = await context.download(`${url}/file`, 'sub/tool.bin', { sha256, mode: 0o755 });
    expect(got).toEqual({ path: join(workdir, 'sub/tool.bin'), sizeBytes: content.byteLength, isVerified: true });
    expect(readFileSync(got.path).equals(content)).toBe(true);
    expect(new Set(messages)).toEqual(new Set(['Downloading tool.bin']));
    expect([percents[0], percents.at(-1)]).toEqual([undefined, 100]);
    await context.download(`${url}/file`, '~/tool', { allowUnverified: true });
    await context.download(`${url}/file`, join(root, 'tool'), { sha256 });
    expect([statSync(join(home, 'tool')).size, statSync(join(root, 'tool')).size]).toEqual([500_000, 500_000]);
  });

  it('says why it did not work, and leaves nothing', async () => {
    await expect(context.download(`${url}/missing`, 'x', { sha256 })).rejects.toMatchObject({ status: 404 });
    await expect(context.download(`${url}/file`, 'x', { sha256: '0'.repeat(64) })).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    await expect(context.download(`${url}/file`, 'x', {})).rejects.toThrow(TypeError);
    expect(readdirSync(workdir)).toEqual([]);
  });

  it('ends with the hook, and by its own signal', async () => {
    const own = new AbortController();
    for (const [controller, signals] of [
      [own, { abortSignal: own.signal }],
      [abort, {}],
    ] as const) {
      const onProgress = (): void => controller.abort();
      const download = context.download(`${url}/stall`, 'x', { sha256, onProgress, ...signals });
      await expect(download).rejects.toMatchObject({ code: 'ABORTED' });
    }
    expect(readdirSync(workdir)).toEqual([]);
  });

  it('refuses to leave the workdir, also when that has become a link', async () => {
    symlinkSync(root, join(workdir, 'up'));
    await expect(context.download(`${url}/file`, '../x', { sha256 })).rejects.toThrow(TypeError);
    expect(messages).toEqual([]);
    await expect(context.download(`${url}/file`, 'up/x', { sha256 })).rejects.toMatchObject({ code: 'PATH_REFUSED' });
    rmSync(workdir, { recursive: true });
    symlinkSync(home, workdir);
    await expect(context.download(`${url}/file`, 'y', { sha256 })).rejects.toMatchObject({ code: 'PATH_REFUSED' });
    expect(readdirSync(home)).not.toContain('y');
  });
});
