import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Store } from '@optio-ts/seed-engine';
import { storeContract } from '@optio-ts/seed-engine/testing';
import { afterEach, beforeEach, describe, it } from 'vitest';

import { createDirectoryStore } from './directory-store.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-directory-store-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('createDirectoryStore', () => {
  for (const { name, run } of storeContract) {
    it(name, async () => {
      const [store, other, another] = (await Promise.all([1, 2, 3].map(() => createDirectoryStore(directory)))) as [
        Store,
        Store,
        Store,
      ];
      await run({ store, other, open: () => another });
    });
  }
});
