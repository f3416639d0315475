import { defineConfig } from 'tsup';

import { base } from '../../tsup.base.ts';
import { bundlePage } from './src/lib/dashboard/bundle-page.ts';

export default defineConfig({
  ...base,
  entry: ['src/main.ts'],
  onSuccess: () => bundlePage('dist/dashboard'),
});
