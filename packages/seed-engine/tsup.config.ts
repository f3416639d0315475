import { defineConfig } from 'tsup';

import { base } from '../../tsup.base.ts';

export default defineConfig({
  ...base,
  entry: {
    backend: 'src/backend.ts',
    index: 'src/index.ts',
    memory: 'src/memory.ts',
    mongo: 'src/mongo.ts',
    sqlite: 'src/sqlite.ts',
    // Started as a thread by the store, which looks for it beside itself.
    'sqlite-worker': 'src/lib/sqlite-worker.ts',
    testing: 'src/testing.ts',
  },
});
