import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost, restoreDirectory } from '@optio-ts/host-core';
import type { HostFile } from '@optio-ts/host-core';
import { noCipher } from '@optio-ts/seed-engine';
import type { Cipher, Store } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { keepTaskBase, readTaskBase, resealTaskBase } from './task-base.ts';
import { saveTaskRecord, taskCollection } from './task-record.ts';

/** Turns each byte by some, and says for whom. */
function turning(by: number): Cipher {
  async function* turn(bytes: AsyncIterable<Uint8Array>, amount: number): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) yield chunk.map((byte) => byte + amount);
  }
  return {
    name: 'turning',
    recipients: [`by ${by}`],
    encrypt: (plain) => turn(plain, by),
    decrypt: (sealed) => turn(sealed, -by),
  };
}

const record = {
  taskId: 't',
  text: 'task: x',
  path: 't.yaml',
  directory: '/',
  origin: 'file',
  host: 'local',
  machine: 'm',
  outputDirectory: '/o',
  confine: undefined,
} as const;
const FILES: readonly HostFile[] = [
  { path: 'main.c', content: 'int main;\n' },
  { path: 'src/deep.c', content: 'x', mode: 0o600 },
  { path: 'node_modules/x/index.js', content: 'y' },
  { path: '.git/HEAD', content: 'ref' },
  { path: 'home/secret', content: 'z' },
];

let directory: string;
let store: Store;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-base-test-'));
  store = createMemoryStore();
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

async function filesIn(cipher: Cipher): Promise<readonly string[] | undefined> {
  const archive = await readTaskBase({ store, cipher }, 't');
  if (archive === undefined) return undefined;
  await using local = createLocalHost();
  await restoreDirectory(local, directory, archive);
  return (await readdir(directory, { recursive: true })).toSorted();
}

describe('keepTaskBase', () => {
  it('keeps what a patch looks at, for a resume too, until the task begins anew', async () => {
    const opened = { store, cipher: turning(3) };
    await saveTaskRecord(opened, record);
    expect(await filesIn(opened.cipher)).toBeUndefined();
    expect(await keepTaskBase(opened, 't', FILES)).toBe(true);
    await saveTaskRecord(opened, record, { isResumed: true });
    expect(await filesIn(opened.cipher)).toEqual(['main.c', 'src', 'src/deep.c']);
    expect(await readFile(join(directory, 'main.c'), 'utf8')).toBe('int main;\n');
    await saveTaskRecord(opened, record);
    expect(await filesIn(opened.cipher)).toBeUndefined();
  });

  it('says when there is too much to be kept', async () => {
    const content = (async function* () {})();
    await saveTaskRecord({ store, cipher: noCipher }, record);
    expect(await keepTaskBase({ store, cipher: noCipher }, 't', [{ path: 'a', sizeBytes: 2 ** 29, content }])).toBe(
      false,
    );
  });

  it('is sealed anew for other keys', async () => {
    await saveTaskRecord({ store, cipher: turning(3) }, record);
    await keepTaskBase({ store, cipher: turning(3) }, 't', FILES);
    const sealedFor = async (): Promise<unknown> => {
      const base = (await store.get(taskCollection, 't'))?.['base'] as Record<string, unknown> | undefined;
      return base?.['sealedFor'];
    };
    const before = await sealedFor();
    expect(await resealTaskBase({ store, cipher: turning(3) }, 't', String(before))).toBe(false);
    const both: Cipher = { ...turning(3), current: () => Promise.resolve(turning(5)) };
    expect(await resealTaskBase({ store, cipher: both }, 't', 'others')).toBe(true);
    expect(await sealedFor()).not.toBe(before);
    expect(await filesIn(turning(5))).toEqual(['main.c', 'src', 'src/deep.c']);
  });
});
