// Imports every entry of the built package in the current folder, the way a consumer's Node would, and follows its declarations the way a
// consumer's compiler would: they may lead to nothing whose types are not installed along.
import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

type Names = Readonly<Record<string, string>>;

interface Manifest {
  readonly dependencies?: Names;
  readonly devDependencies?: Names;
  readonly exports: Readonly<Record<string, string | { readonly types?: string }>>;
  readonly name: string;
  readonly peerDependencies?: Names;
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
const { exports, name } = manifest;
const { resolve } = createRequire(pathToFileURL('package.json'));
const installed: Names = { ...manifest.dependencies, ...manifest.peerDependencies };

const declarations = new Set<string>();
for (const [entry, target] of Object.entries(exports)) {
  if (entry.endsWith('.json')) continue;
  await import(pathToFileURL(resolve(name + entry.slice(1))).href);
  if (typeof target === 'object' && target.types !== undefined) declarations.add(target.types);
}

const problems: string[] = [];
for (const file of declarations) {
  for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(/\b(?:from |import\(|import )'([^'\s]+)'/g)) {
    if (specifier.startsWith('.')) declarations.add(join(dirname(file), specifier.replace(/\.ts$/, '.d.ts')));
    else if (!isBuiltin(specifier)) check(file, specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'));
  }
}

function check(file: string, imported: string): void {
  const types = `@types/${imported}`;
  if (!(imported in installed)) problems.push(`${file} imports ${imported}, which is no dependency`);
  else if (manifest.devDependencies?.[types] !== undefined && !(types in installed)) {
    problems.push(
      `${file} imports ${imported}, whose types (${types}) consumers do not have: keep it out of the surface`,
    );
  }
}

if (problems.length > 0) throw new Error(`The declarations of ${name} do not stand alone:\n${problems.join('\n')}`);
