import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

/** Makes the dashboard's page out of its sources: `page.js` and `page.css`. For the build and for tests. */
export async function bundlePage(directory: string): Promise<void> {
  await build({
    entryPoints: { page: fileURLToPath(new URL('page/main.tsx', import.meta.url)) },
    outdir: directory,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome120', 'firefox121', 'safari17'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
  });
}
