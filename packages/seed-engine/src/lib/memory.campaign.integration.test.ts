import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { isSoak } from '@optio-ts/testkit';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { createId } from './id.ts';

const run = promisify(execFile);
const probe = fileURLToPath(new URL('../../test/memory-probe.ts', import.meta.url));
const mebibyte = 1024 ** 2;
const environmentBytes = (isSoak ? 512 : 96) * mebibyte;
// On a busy machine the sample's collector comes late: less than the environment is still less than holding it.
const limitBytes = (isSoak ? 64 : 80) * mebibyte;

describe('capture and plant of a large environment', { timeout: 900_000 }, () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-memory-'));
    await mkdir(join(directory, 'home/env'), { recursive: true });
    const file = await open(join(directory, 'home/env/large'), 'wx');
    // Nothing that could be compressed.
    for (let left = environmentBytes; left > 0; left -= mebibyte) await file.write(randomBytes(mebibyte));
    await file.close();
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function growth(...place: string[]): Promise<void> {
    const target = join(directory, `planted-${place[0]}`);
    const parameters = ['--conditions=@optio-ts/source', probe, ...place, join(directory, 'home'), target];
    const { stdout } = await run(process.execPath, parameters);
    process.stdout.write(`${place[0]}, ${environmentBytes / mebibyte} MiB: ${stdout}`);
    const { captured, planted } = JSON.parse(stdout) as Record<'captured' | 'planted', { readonly grownBytes: number }>;
    expect(captured.grownBytes).toBeLessThan(limitBytes);
    expect(planted.grownBytes).toBeLessThan(limitBytes);
    const [source, copy] = await Promise.all([
      readFile(join(directory, 'home/env/large')),
      readFile(join(target, 'env/large')),
    ]);
    expect(source.equals(copy)).toBe(true);
    await rm(target, { recursive: true });
  }

  it('takes little memory with SQLite', async () => {
    await growth('sqlite', join(directory, 'store.db'));
  });

  it('takes little memory with MongoDB', async ({ skip }) => {
    const uri = inject('mongoUri');
    if (uri === undefined) return skip(`needs ${inject('mongoMissing')}`);
    const database = `optio-test-${createId()}`;
    await using client = await MongoClient.connect(uri);
    try {
      await growth('mongo', uri, database);
    } finally {
      await client.db(database).dropDatabase();
    }
  });
});
