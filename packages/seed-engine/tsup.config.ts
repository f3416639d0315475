import { defineConfig } from 'tsup';

import { base } from '../../tsup.base.ts';

export default defineConfig({
  ...base,
  entry: ['src/index.ts', 'src/memory.ts', 'src/mongo.ts', 'src/sqlite.ts', 'src/testing.ts'],
});
