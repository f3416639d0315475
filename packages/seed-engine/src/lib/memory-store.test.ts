import { describe, it } from 'vitest';

import { createMemoryStore } from './memory-store.ts';
import { storeContract } from './testing/store-contract.ts';

describe('createMemoryStore', { timeout: 60_000 }, () => {
  const store = createMemoryStore();
  const subject = { store, other: store, open: createMemoryStore };
  for (const { name, run } of storeContract) it(name, () => run(subject));
});
