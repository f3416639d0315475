// Archive of a tree of 1 GiB that cannot be compressed: how far this process grows, and the time against tar and gzip.
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { archiveDirectory, createLocalHost, type Host } from '@optio-ts/host-core';
import { measure, printTable } from '@optio-ts/testkit';

import { openBench, runHere } from './support.ts';

const files = 64;
const mebibytesPerFile = 16;

await using bench = await openBench(0);
const tree = join(bench.directory, 'tree');
for (let index = 0; index < files; index += 1) {
  await mkdir(join(tree, `d${index % 8}`), { recursive: true });
  const file = await open(join(tree, `d${index % 8}`, String(index)), 'w');
  for (let written = 0; written < mebibytesPerFile; written += 1) await file.write(randomBytes(1024 * 1024));
  await file.close();
}
await bench.host.run(['true']);
await using here = createLocalHost();

const rows: string[][] = [];
const archive = async (name: string, host: Host): Promise<void> => {
  globalThis.gc?.();
  const before = await residentMebibytes();
  let most = before;
  let bytes = 0;
  const start = performance.now();
  for await (const chunk of archiveDirectory(host, tree)) {
    // Several times per mebibyte would be measuring the measuring.
    if (Math.floor((bytes + chunk.byteLength) / 8_388_608) !== Math.floor(bytes / 8_388_608))
      most = Math.max(most, await residentMebibytes());
    bytes += chunk.byteLength;
  }
  const elapsedMs = performance.now() - start;
  rows.push([name, (most - before).toFixed(1), elapsedMs.toFixed(0), ((bytes / elapsedMs) * 1e-3).toFixed(0)]);
};
await archive('archiveDirectory on this machine', here);
await archive('archiveDirectory over SSH', bench.host);
const { tar } = await measure(
  { tar: () => runHere('sh', ['-c', 'tar -C "$1" -cf - . | gzip -4 >/dev/null', 'sh', tree]) },
  { rounds: 1, warmUp: 0 },
);
rows.push(['tar | gzip -4', '', tar.medianMs.toFixed(0), '']);
printTable(
  `archive of ${(files * mebibytesPerFile) / 1024} GiB in ${files} files`,
  ['', 'grows by MiB', 'ms', 'MB/s'],
  rows,
);

async function residentMebibytes(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}
