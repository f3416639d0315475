// Runs every `packages/*/bench/*.bench.ts`, or those whose path holds one of the words given: each prints tables of its own,
// in a process of its own, one after another. A benchmark names its peers and measures them in the same run.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const words = process.argv.slice(2);
const files = globSync('{packages,apps}/*/bench/*.bench.ts')
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .toSorted();
if (files.length === 0) console.error(`No benchmark is named ${words.join(' or ')}: see packages/*/bench`);

let failed = files.length === 0 ? 1 : 0;
for (const file of files) {
  const { status } = spawnSync(process.execPath, ['--conditions=@optio-ts/source', file], { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`${file} ended with ${status}`);
    failed += 1;
  }
}
process.exitCode = failed === 0 ? 0 : 1;
