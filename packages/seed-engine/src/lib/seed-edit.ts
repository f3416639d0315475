import type { Bytes } from '@optio-ts/host-core';

import { collect } from './bytes.ts';

/** Files by path, relative to the home; `undefined` for one that is not there. */
export type SeedFiles = Readonly<Record<string, Uint8Array | undefined>>;

/** What a seed's files are like, without their content. */
export interface SeedContents {
  /** Names of files and links, relative to the home. */
  readonly members: readonly string[];
  /** Hex SHA-256 of each file's content, of a link's target. */
  readonly digests: ReadonlyMap<string, string>;
}

/** A change of a few files of a seed on its way to where it is used: nobody ever sees them unchanged. */
export interface SeedTransform {
  /** Which files, relative to the home. They must be part of the manifest and small: 4 MiB together. */
  readonly files: readonly string[];
  /**
   * Gets these files as the seed has them, once all of it has been read, and returns those that are to be different:
   * `undefined` leaves one out, and one that is not returned stays as it is. What it throws ends the operation and is
   * thrown as it is; then nothing was changed.
   */
  readonly apply: (files: SeedFiles, contents: SeedContents) => SeedFiles | Promise<SeedFiles>;
}

const maxEditedBytes = 4 * 1024 ** 2;

/** Throws `TypeError` for a transform of what is no part of the manifest. */
export function checkTransform(transform: SeedTransform | undefined, include: readonly string[]): void {
  for (const file of transform?.files ?? []) {
    if (!include.some((entry) => file === entry || file.startsWith(`${entry}/`))) {
      throw new TypeError(`${JSON.stringify(file)} is not part of the manifest and cannot be changed`);
    }
  }
}

/** The files of one transform, gathered from an archive. */
export interface EditedFiles {
  /** Whether a member of this name is one to gather. */
  takes(name: string): boolean;
  /** Reads one. Throws what `onLimit` makes when they are too large. */
  add(name: string, content: Bytes, onLimit: () => Error): Promise<Uint8Array>;
  /** The files as they are to be, in the order of the transform. */
  finish(contents: SeedContents): Promise<readonly (readonly [name: string, content: Uint8Array])[]>;
}

/** Prepares the gathering for one archive. */
export function editFiles(transform: SeedTransform | undefined): EditedFiles {
  const names = transform?.files ?? [];
  const found = new Map<string, Uint8Array>();
  let sizeBytes = 0;
  return {
    takes: (name) => names.includes(name),
    async add(name, content, onLimit) {
      const bytes = await collect(content, maxEditedBytes - sizeBytes, onLimit);
      sizeBytes += bytes.length;
      found.set(name, bytes);
      return bytes;
    },
    async finish(contents) {
      if (transform === undefined) return [];
      const given = Object.fromEntries(names.map((name) => [name, found.get(name)]));
      const changed = await transform.apply(given, contents);
      for (const name of Object.keys(changed)) {
        if (!names.includes(name)) throw new TypeError(`A transform of ${names.join(', ')} cannot change ${name}`);
      }
      return names.flatMap((name) => {
        const content = name in changed ? changed[name] : found.get(name);
        return content === undefined ? [] : [[name, content] as const];
      });
    },
  };
}
