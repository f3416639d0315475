import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, it } from 'vitest';

import { createSqliteStore } from './sqlite-store.ts';
import type { StoreContractSubject } from './testing/contract-case.ts';
import { storeContract } from './testing/store-contract.ts';

describe('createSqliteStore', () => {
  let directory: string;
  let subject: StoreContractSubject;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-sqlite-'));
    const open = () => createSqliteStore(join(directory, 'store.db'));
    subject = { store: open(), other: open(), open };
  });
  afterAll(async () => {
    await subject.store[Symbol.asyncDispose]();
    await subject.other[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
  for (const { name, run } of storeContract) it(name, () => run(subject));
});
