// Compares what each README says about the size of an install with what is there; `--write` puts it right. Needs `dist`.
import { existsSync, globSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const LINE = /^It installs .*$/m;
const isWriting = process.argv.includes('--write');
const repository = realpathSync('.');
let wrong = 0;

for (const file of globSync('{packages,apps}/*/package.json')) {
  const folder = dirname(file);
  if (readManifest(folder).private === true) continue;
  const packages = collect(realpathSync(folder));
  const megabytes = Math.ceil([...packages].reduce((sum, path) => sum + sizeOf(path), 0) / 1e6);
  const others = packages.size - 1;
  const brought = others === 0 ? 'nothing else' : others === 1 ? '1 other package' : `${others} other packages`;
  const line = `It installs ${brought}: less than ${megabytes} MB in all.`;
  const readme = join(folder, 'README.md');
  const text = readFileSync(readme, 'utf8');
  if (LINE.exec(text)?.[0] === line) continue;
  if (isWriting && LINE.test(text)) writeFileSync(readme, text.replace(LINE, line));
  else {
    wrong += 1;
    console.error(`${readme}: say what is true below "## Install" (node scripts/check-sizes.ts --write): ${line}`);
  }
}
process.exitCode = wrong === 0 ? 0 : 1;

/** A package and all that npm installs with it, by their directories. */
function collect(directory: string, found: Set<string> = new Set()): ReadonlySet<string> {
  if (found.has(directory)) return found;
  found.add(directory);
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = readManifest(directory);
  const peers = Object.keys(peerDependencies ?? {}).filter((name) => peerDependenciesMeta?.[name]?.optional !== true);
  for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
    const path = locate(name, directory);
    if (path !== undefined) collect(path, found);
    // Another platform's, or one that could not be built, is not installed.
    else if (optionalDependencies?.[name] === undefined) throw new Error(`${name} of ${directory} is not installed`);
  }
  return found;
}

function locate(name: string, from: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const path = join(at, 'node_modules', name);
    if (existsSync(path)) return realpathSync(path);
    if (at === dirname(at)) return undefined;
  }
}

/** Bytes of what is in the tarball: of ours, what `files` names. */
function sizeOf(directory: string): number {
  const isOurs = !relative(repository, directory).startsWith('node_modules');
  const patterns = isOurs
    ? ['package.json', 'README.md', ...(readManifest(directory).files ?? []).map(asGlob)]
    : ['**/*', '**/.*'];
  const exclude = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  return globSync(patterns, { cwd: directory, exclude: ['node_modules/**', ...exclude] })
    .map((path) => statSync(join(directory, path)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);

  function asGlob(pattern: string): string {
    const path = join(directory, pattern);
    return existsSync(path) && statSync(path).isDirectory() ? `${pattern}/**/*` : pattern;
  }
}

function readManifest(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
}
