import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runProgram } from './run-program.ts';

/** A package as it would be published. */
export interface ReleasedPackage {
  readonly manifest: Manifest;
  readonly tarball: Buffer;
  readonly readme: string;
}

/** What of a manifest a registry passes on. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** A release that was made, and not published. */
export interface Release {
  readonly packages: readonly ReleasedPackage[];
  /** Changesets that are left in the copy. */
  readonly changesetsLeft: readonly string[];
}

/** The working copy that this is run in. */
export const repository: string = fileURLToPath(new URL('../..', import.meta.url));

/** Makes a release in a copy of this repository, `directory`: versions, changelogs, tarballs. The repository stays as it is. */
export async function packRelease(directory: string): Promise<Release> {
  const env = process.env;
  await runProgram('pnpm', ['build'], { cwd: repository, env });
  const listed = await runProgram('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: repository, env });
  const files = listed.split('\0').filter((path) => path !== '' && existsSync(join(repository, path)));
  const copy = join(directory, 'copy');
  for (const path of files) {
    await mkdir(join(copy, dirname(path)), { recursive: true });
    await cp(join(repository, path), join(copy, path), { verbatimSymlinks: true });
  }
  const folders = files.filter((path) => /^(?:packages|apps)\/[^/]+\/package\.json$/.test(path)).map(dirname);
  const tarballs = join(directory, 'tarballs');
  const inCopy = { cwd: copy, env };
  // Changesets looks up the commits that it writes about.
  const author = ['-c', 'user.name=release', '-c', 'user.email=release@localhost'];
  await runProgram('git', ['init', '--quiet', '--initial-branch=main'], inCopy);
  await runProgram('git', ['add', '--all'], inCopy);
  await runProgram('git', [...author, 'commit', '--quiet', '--message=Everything'], inCopy);
  await runProgram('pnpm', ['install', '--frozen-lockfile', '--prefer-offline'], inCopy);
  await runProgram('pnpm', ['exec', 'changeset', 'version'], inCopy);
  // Still as the lockfile says, and as the formatter wants it.
  await runProgram('pnpm', ['install', '--frozen-lockfile', '--prefer-offline'], inCopy);
  await runProgram('pnpm', ['exec', 'oxfmt', '--check', ...folders.map((folder) => `${folder}/package.json`)], inCopy);

  const packages: ReleasedPackage[] = [];
  for (const folder of folders) {
    const manifest = JSON.parse(await readFile(join(copy, folder, 'package.json'), 'utf8')) as Manifest;
    if (manifest['private'] === true) continue;
    await cp(join(repository, folder, 'dist'), join(copy, folder, 'dist'), { recursive: true });
    await runProgram('pnpm', ['pack', '--pack-destination', tarballs], { cwd: join(copy, folder), env });
    const file = join(tarballs, `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`);
    const packed = await runProgram('tar', ['-xzOf', file, 'package/package.json'], inCopy);
    packages.push({
      manifest: JSON.parse(packed) as Manifest,
      tarball: await readFile(file),
      readme: await readFile(join(copy, folder, 'README.md'), 'utf8'),
    });
  }
  const changesets = await readdir(join(copy, '.changeset'));
  return { packages, changesetsLeft: changesets.filter((name) => name.endsWith('.md') && name !== 'README.md') };
}
