import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { WorkerError } from '../errors.ts';

/** One file of the page, whole. */
export interface PageFile {
  readonly type: string;
  readonly content: Uint8Array<ArrayBuffer>;
}

const DOCUMENT = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>optio</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
</head>
<body><div id="app"></div><noscript>The dashboard needs JavaScript.</noscript></body>
</html>
`;

/** Reads the files of the page, by the paths that they are served at: there are no others. */
export async function loadPageFiles(directory: string): Promise<ReadonlyMap<string, PageFile>> {
  const read = async (name: string): Promise<Uint8Array<ArrayBuffer>> => {
    try {
      return new Uint8Array(await readFile(join(directory, name)));
    } catch (error) {
      throw new WorkerError('REFUSED', `the page is not there: ${join(directory, name)}; pnpm build makes it`, {
        cause: error,
      });
    }
  };
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', content: new TextEncoder().encode(DOCUMENT) }],
    ['/page.js', { type: 'text/javascript; charset=utf-8', content: await read('page.js') }],
    ['/page.css', { type: 'text/css; charset=utf-8', content: await read('page.css') }],
  ]);
}
