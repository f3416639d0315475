// Imports every entry of the built package in the current folder, the way a consumer's Node would.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly name: string;
}

const { exports, name } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
const { resolve } = createRequire(pathToFileURL('package.json'));

for (const entry of Object.keys(exports)) {
  if (entry.endsWith('.json')) continue;
  await import(pathToFileURL(resolve(name + entry.slice(1))).href);
}
