// A process of its own, made to be killed: `installer-process.ts <home> <registry, or nothing> <version> <calls> <fetch>` calls
// `ensureOpencode` so many times at once. Prints a line when it begins, and at its end one with what came of it.
import { createLocalHost, probeHost } from '@optio-ts/host-core';

import { ensureOpencode, npmSource } from '../src/index.ts';
import type { FetchMode } from '../src/index.ts';

const [home = '', registry = '', version = '', calls = '', fetch = 'auto'] = process.argv.slice(2);

await using host = createLocalHost({ env: { HOME: home, TMPDIR: home, PATH: process.env['PATH'] ?? '' } });
const probe = await probeHost(host);
const npm = registry === '' ? {} : { npm: { env: { HOME: home, npm_config_registry: registry } } };
const source = npmSource({ version, ...npm });
process.stdout.write('begins\n');
const results = await Promise.allSettled(
  Array.from({ length: Number(calls) }, async () =>
    ensureOpencode(host, {
      source,
      probe: { ...probe, tools: { ...probe.tools, rg: '/usr/bin/rg' } },
      fetch: fetch as FetchMode,
    }),
  ),
);
const paths = results.map((result) => (result.status === 'fulfilled' ? result.value.path : String(result.reason)));
process.stdout.write(`${JSON.stringify([...new Set(paths)])}\n`);
