import type { SeedContents, SeedFiles } from './seed-edit.ts';
import { openSeed, wasReplaced, type VerifySeedOptions } from './seed-store.ts';
import type { Seed } from './seed.ts';

/** Options of `readSeedFiles`. */
export interface ReadSeedFilesOptions extends VerifySeedOptions {
  /** Relative to the home, part of the manifest, and small: 4 MiB together. */
  readonly files: readonly string[];
}

/** What was read of a seed. */
export interface ReadSeed {
  readonly seed: Seed;
  readonly files: SeedFiles;
  readonly contents: SeedContents;
}

/** Reads a few files of a seed, and what all of it is like; the whole seed is opened and checked. Throws as planting does. */
export async function readSeedFiles(options: ReadSeedFilesOptions): Promise<ReadSeed> {
  const { files: names } = options;
  for (;;) {
    let files: SeedFiles = {};
    const apply = (given: SeedFiles): SeedFiles => {
      files = given;
      return {};
    };
    const { seed, document, archive } = await openSeed({ ...options, transform: { files: names, apply } });
    try {
      for await (const chunk of archive.content) void chunk;
      return { seed, files, contents: { members: archive.members.taken, digests: archive.digests } };
    } catch (error) {
      if (!(await wasReplaced(options, document.revision, error))) throw error;
    }
  }
}
