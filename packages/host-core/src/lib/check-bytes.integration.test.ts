import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Bytes, Host } from './host.ts';
import { createLocalHost } from './local-host.ts';
import { pushFile } from './push-file.ts';
import { restoreDirectory } from './restore.ts';
import { stageFile } from './stage-file.ts';
import { writeFiles } from './write-files.ts';

let directory: string;
let host: Host;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'optio-bytes-'));
  host = createLocalHost();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const sizeBytes = 1;
const large = 16 * 1024 * 1024;
const takers: readonly (readonly [string, (source: Bytes) => Promise<unknown>])[] = [
  ['run', (stdin) => host.run(['cat'], { stdin })],
  ['spawn', async (stdin) => (await host.spawn(['cat'], { stdin })).exited],
  ['pushFile', (content) => pushFile(host, `${directory}/a`, content, { sizeBytes })],
  ['pushFile of a large file', (content) => pushFile(host, `${directory}/a`, content, { sizeBytes: large })],
  ['stageFile', (content) => stageFile({ host, path: directory, abortSignal: undefined }, { name: 'a', content })],
  ['writeFiles', (content) => writeFiles(host, directory, [{ path: 'a', content, sizeBytes }])],
  ['restoreDirectory', (archive) => restoreDirectory(host, `${directory}/b`, archive)],
];

describe.each(takers)('a source of %s', (_name, take) => {
  it('that fails before it is read, as of a file that is missing, is what it rejects with', async () => {
    const failure = new Error('no such file');
    const source = new Readable();
    // Told in the next tick: long before a process could read it. An `error` that nobody hears ends the program.
    source.destroy(failure);
    await expect(take(source)).rejects.toBe(failure);
  });

  it('that is none is a TypeError', async () => {
    await expect(take(42 as never)).rejects.toThrow(/must be .*an AsyncIterable of Uint8Array/);
  });
});

it.each([{ sha256: 'abc' }, { sha512: 'abc' }, { sha256: Buffer.alloc(32).toString('base64') }])(
  'pushFile refuses the digest %j at once',
  async (digest) => {
    const pushing = pushFile(host, `${directory}/c`, Readable.from([]), { sizeBytes: 0, ...digest });
    await expect(pushing).rejects.toThrow(TypeError);
  },
);
