import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

import { checkFile, readCheckedFile } from './open-checked-file.ts';
import type { CheckedFileRequest } from './open-checked-file.ts';
import { writeCheckedFile } from './write-checked-file.ts';

const host = createLocalHost();
afterAll(async () => host[Symbol.asyncDispose]());

let root = '';
let workdir = '';
beforeEach(() => {
  root = mkdtempSync(join(realpathSync(tmpdir()), "optio '$(touch x)` "));
  workdir = join(root, 'work dir');
  mkdirSync(join(workdir, 'deliverables/sub dir'), { recursive: true });
  writeFileSync(join(workdir, 'deliverables/a.txt'), 'hello');
  writeFileSync(join(workdir, 'deliverables/sub dir/b\n c.txt'), 'nested');
  writeFileSync(join(workdir, 'stray.txt'), 'stray');
  mkdirSync(join(workdir, 'deliverables_other'));
  writeFileSync(join(workdir, 'deliverables_other/x'), 'x');
  writeFileSync(join(root, 'secret'), 'secret');
});
afterEach(() => rmSync(root, { recursive: true }));

const ask = (path: string, changes: Partial<CheckedFileRequest> = {}): CheckedFileRequest => ({
  directory: workdir,
  below: '/deliverables',
  path,
  maxBytes: 1000,
  timeoutMs: 20_000,
  ...changes,
});
const read = async (request: CheckedFileRequest): Promise<string> =>
  Buffer.concat(await Array.fromAsync(readCheckedFile(host, request))).toString();
const accepted = (name: string, sizeBytes: number): object => ({ isAccepted: true, name, sizeBytes });
const refused = (refusal: string): object => expect.objectContaining({ isAccepted: false, refusal });

describe('a link in the place of the directory itself', () => {
  beforeEach(() => {
    const other = join(root, 'other task');
    mkdirSync(join(other, 'deliverables'), { recursive: true });
    writeFileSync(join(other, 'deliverables/secret.txt'), 'of another task');
    rmSync(workdir, { recursive: true });
    symlinkSync('other task', workdir);
  });

  it('is not read through', async () => {
    const request = ask('deliverables/secret.txt');
    expect(await checkFile(host, request)).toEqual(refused('outside-workdir'));
    await expect(read(request)).rejects.toMatchObject({ code: 'DELIVERABLE_UNREADABLE' });
  });

  it('is not written through', async () => {
    const write = writeCheckedFile(host, { directory: workdir, path: 'x', content: Buffer.from('x'), mode: 0o600 });
    await expect(write).rejects.toMatchObject({ code: 'PATH_REFUSED' });
    expect(readdirSync(join(root, 'other task'))).toEqual(['deliverables']);
  });
});

describe('checkFile', () => {
  it('takes relative and absolute paths under the directory', async () => {
    expect(await checkFile(host, ask('deliverables/a.txt'))).toEqual(accepted('a.txt', 5));
    expect(await checkFile(host, ask(join(workdir, 'deliverables/a.txt')))).toEqual(accepted('a.txt', 5));
    expect(await checkFile(host, ask('stray.txt/../deliverables/a.txt'))).toEqual(refused('not-found'));
    expect(await checkFile(host, ask('deliverables/../deliverables/a.txt'))).toEqual(accepted('a.txt', 5));
    expect(await checkFile(host, ask('deliverables/sub dir/b\n c.txt'))).toEqual(accepted('sub dir/b\n c.txt', 6));
  });

  it('names where a link inside really leads', async () => {
    symlinkSync('a.txt', join(workdir, 'deliverables/latest'));
    symlinkSync('deliverables', join(workdir, 'out'));
    expect(await checkFile(host, ask('deliverables/latest'))).toEqual(accepted('a.txt', 5));
    expect(await checkFile(host, ask('out/a.txt'))).toEqual(accepted('a.txt', 5));
  });

  it('works below a workdir that is reached through a link', async () => {
    symlinkSync(root, join(root, 'link'));
    const directory = join(root, 'link/work dir');
    expect(await checkFile(host, ask('deliverables/a.txt', { directory }))).toEqual(accepted('a.txt', 5));
    const physical = join(workdir, 'deliverables/a.txt');
    expect(await checkFile(host, ask(physical, { directory }))).toEqual(accepted('a.txt', 5));
  });

  it('refuses what lies elsewhere, however it is named', async () => {
    symlinkSync(join(root, 'secret'), join(workdir, 'deliverables/leak'));
    symlinkSync('../..', join(workdir, 'deliverables/up'));
    symlinkSync('../stray.txt', join(workdir, 'deliverables/stray'));
    for (const path of [
      '../secret',
      join(root, 'secret'),
      'deliverables/leak',
      'deliverables/up/secret',
      '/etc/passwd',
    ]) {
      expect(await checkFile(host, ask(path)), path).toEqual(refused('outside-workdir'));
    }
    for (const path of [
      'stray.txt',
      join(workdir, 'stray.txt'),
      'deliverables/stray',
      'deliverables_other/x',
      'deliverables/../stray.txt',
    ]) {
      expect(await checkFile(host, ask(path)), path).toEqual(refused('outside-deliverables'));
    }
  });

  it('is not fooled when deliverables itself is a link', async () => {
    rmSync(join(workdir, 'deliverables'), { recursive: true });
    symlinkSync(root, join(workdir, 'deliverables'));
    expect(await checkFile(host, ask('deliverables/secret'))).toEqual(refused('outside-workdir'));
  });

  it('refuses what is no regular file without touching it', async () => {
    execFileSync('mkfifo', [join(workdir, 'deliverables/pipe')]);
    symlinkSync('nowhere', join(workdir, 'deliverables/dangling'));
    for (const path of ['deliverables/pipe', 'deliverables', 'deliverables/', '.', '/dev/zero', '/dev/stdin']) {
      expect(await checkFile(host, ask(path)), path).toEqual(refused('not-a-file'));
    }
    for (const path of ['deliverables/dangling', 'deliverables/missing', 'no/such', '-n', '$(id)']) {
      expect(await checkFile(host, ask(path)), path).toEqual(refused('not-found'));
    }
    expect(await checkFile(host, ask('x'.repeat(5000)))).toEqual(refused('not-found'));
  });

  it('refuses what is too large, with its size', async () => {
    truncateSync(join(workdir, 'deliverables/a.txt'), 5_000_000_000);
    expect(await checkFile(host, ask('deliverables/a.txt'))).toEqual({
      isAccepted: false,
      refusal: 'too-large',
      sizeBytes: 5_000_000_000,
    });
    expect(await checkFile(host, ask('deliverables/a.txt', { maxBytes: 5_000_000_000 }))).toEqual(
      accepted('a.txt', 5_000_000_000),
    );
  });

  it('says that it cannot look when the workdir is gone', async () => {
    expect(await checkFile(host, ask('a', { directory: join(root, 'gone') }))).toEqual(refused('unreadable'));
  });

  it('needs nothing but a busybox userland', async (ctx) => {
    const found = await host.run(['sh', '-c', 'command -v busybox']);
    if (found.exitCode !== 0) return ctx.skip('needs busybox: apt-get install busybox');
    const tools = join(root, 'tools');
    mkdirSync(tools);
    for (const name of ['sh', 'readlink', 'stat', 'head', 'cat', 'wc'])
      symlinkSync(found.stdout.toString().trim(), join(tools, name));
    const small = createLocalHost({ env: { PATH: tools } });
    try {
      expect(await checkFile(small, ask('deliverables/sub dir/b\n c.txt'))).toEqual(accepted('sub dir/b\n c.txt', 6));
      expect(await checkFile(small, ask('../secret'))).toEqual(refused('outside-workdir'));
      const chunks = await Array.fromAsync(readCheckedFile(small, ask('deliverables/a.txt')));
      expect(Buffer.concat(chunks).toString()).toBe('hello');
    } finally {
      await small[Symbol.asyncDispose]();
    }
    return undefined;
  });
});

describe('readCheckedFile', () => {
  it('streams bytes as they are, empty files too', async () => {
    const bytes = Buffer.from(Array.from({ length: 700_000 }, (_, index) => (index * 7) % 256));
    writeFileSync(join(workdir, 'deliverables/binary'), bytes);
    const chunks = await Array.fromAsync(readCheckedFile(host, ask('deliverables/binary', { maxBytes: 1e6 })));
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    expect(chunks.length).toBeGreaterThan(1);
    writeFileSync(join(workdir, 'deliverables/empty'), '');
    expect(await read(ask('deliverables/empty'))).toBe('');
    writeFileSync(join(workdir, 'deliverables/lines'), '\n\nok 3\n');
    expect(await read(ask('deliverables/lines'))).toBe('\n\nok 3\n');
  });

  it('checks again: what was fine when it was announced may lead elsewhere now', async () => {
    const request = ask('deliverables/a.txt');
    expect(await checkFile(host, request)).toEqual(accepted('a.txt', 5));
    rmSync(join(workdir, 'deliverables/a.txt'));
    await expect(read(request)).rejects.toMatchObject({ code: 'DELIVERABLE_UNREADABLE' });
    symlinkSync('../../secret', join(workdir, 'deliverables/a.txt'));
    await expect(read(request)).rejects.toThrow('leads out of the workdir');
  });

  it('ends the process on the host when the reader leaves', async () => {
    truncateSync(join(workdir, 'deliverables/a.txt'), 100_000_000);
    for await (const chunk of readCheckedFile(host, ask('deliverables/a.txt', { maxBytes: 1e9 }))) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
  });

  it('stops with its signal', async () => {
    truncateSync(join(workdir, 'deliverables/a.txt'), 100_000_000);
    const controller = new AbortController();
    const request = ask('deliverables/a.txt', { maxBytes: 1e9, abortSignal: controller.signal });
    const reading = (async () => {
      for await (const chunk of readCheckedFile(host, request)) if (chunk.length > 0) controller.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('gives up on a host that does not answer: a FIFO that was swapped in at the last moment never opens', async () => {
    const slow: Host = { ...host, spawn: async (_, options) => host.spawn(['sleep', '600'], options) };
    await expect(
      Array.fromAsync(readCheckedFile(slow, ask('deliverables/a.txt', { timeoutMs: 50 }))),
    ).rejects.toMatchObject({ code: 'DELIVERABLE_UNREADABLE' });
  });
});

describe('writeCheckedFile', () => {
  it('puts no half of a file in place when its input ends early, as on a lost link', async () => {
    writeFileSync(join(workdir, 'f'), 'old');
    const cut: Host = {
      ...host,
      run: async (command, options = {}) => {
        const whole: Uint8Array[] = [];
        for await (const chunk of options.stdin as AsyncIterable<Uint8Array>) whole.push(chunk);
        return host.run(command, { ...options, stdin: Buffer.concat(whole).subarray(0, -1) });
      },
    };
    async function* content(): AsyncGenerator<Uint8Array, void, void> {
      yield Buffer.from('new content');
    }
    const place = { directory: workdir, path: 'f', mode: 0o600 };
    await expect(writeCheckedFile(cut, { ...place, content: content() })).rejects.toThrow('Cannot write f');
    expect(readFileSync(join(workdir, 'f'), 'utf8')).toBe('old');
    await writeCheckedFile(host, { ...place, content: content() });
    expect(readFileSync(join(workdir, 'f'), 'utf8')).toBe('new content');
    expect(readdirSync(workdir).filter((name) => name.includes('optio-'))).toEqual([]);
  });

  const write = async (path: string, content = 'new', directory = workdir): Promise<void> =>
    writeCheckedFile(host, { directory, path, content: Buffer.from(content), mode: 0o640 });

  it('writes whole files with their mode, parents included', async () => {
    await write('x/y z/file', 'one');
    await write('x/y z/file', 'two');
    expect(readFileSync(join(workdir, 'x/y z/file'), 'utf8')).toBe('two');
    expect(statSync(join(workdir, 'x/y z/file')).mode & 0o777).toBe(0o640);
    expect(readdirSync(join(workdir, 'x/y z'))).toEqual(['file']);
  });

  it('replaces a link and breaks a hard link instead of writing through them', async () => {
    symlinkSync(join(root, 'secret'), join(workdir, 'soft'));
    linkSync(join(root, 'secret'), join(workdir, 'hard'));
    await write('soft');
    await write('hard');
    expect(readFileSync(join(root, 'secret'), 'utf8')).toBe('secret');
    expect(lstatSync(join(workdir, 'soft')).isFile()).toBe(true);
  });

  it('refuses to go through a link, and to replace a directory', async () => {
    symlinkSync(root, join(workdir, 'up'));
    await expect(write('up/file')).rejects.toMatchObject({ code: 'PATH_REFUSED' });
    await expect(write('deliverables')).rejects.toMatchObject({ code: 'PATH_REFUSED' });
    expect(readdirSync(root).toSorted()).toEqual(['secret', 'work dir']);
  });

  it('follows links of the machine itself for absolute paths', async () => {
    symlinkSync(workdir, join(root, 'link'));
    await write(join(root, 'link/new/file').slice(1), 'absolute', '/');
    expect(readFileSync(join(workdir, 'new/file'), 'utf8')).toBe('absolute');
  });

  it('leaves nothing behind when the source breaks off', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('source is gone');
    }
    const content = broken();
    await expect(writeCheckedFile(host, { directory: workdir, path: 'f', content, mode: 0o600 })).rejects.toThrow();
    expect(readdirSync(workdir).filter((name) => name.includes('f') && !name.startsWith('d'))).toEqual([]);
  });
});
