import { archiveDirectory, HostError, restoreDirectory, type Bytes, type Host } from '@optio-ts/host-core';

import { SeedEngineError } from './errors.ts';
import { maxSeedBytes } from './seed-archive.ts';
import type { SeedTransform } from './seed-edit.ts';
import { describeLargest } from './seed-size.ts';
import { openSeed, storeSeed, wasReplaced, type OpenSeedOptions, type StoreSeedOptions } from './seed-store.ts';
import type { Seed } from './seed.ts';

/** Options of `captureSeed`. */
export interface CaptureSeedOptions extends Omit<StoreSeedOptions, 'archive'> {
  readonly host: Host;
  /** The agent's home on the host, absolute. */
  readonly home: string;
  /**
   * A directory at or above the home that no agent can have changed, for instance the task directory: no link below
   * it is followed. Needed once an agent has run. @default the home itself is trusted
   */
  readonly beneath?: string;
  /** Bytes, unpacked. More is a `SEED_TOO_LARGE`, which names the largest files. @default 4 GiB */
  readonly maxBytes?: number;
}

/** Options of `plantSeed`. */
export interface PlantSeedOptions extends OpenSeedOptions {
  readonly host: Host;
  /** The home on the host, absolute; made, 0700, when it is missing. */
  readonly home: string;
  /** As in `CaptureSeedOptions`. @default the home itself is trusted */
  readonly beneath?: string;
}

/** What was planted. */
export interface PlantReport {
  readonly seed: Seed;
  /** Names of the files, relative to the home. */
  readonly planted: readonly string[];
  /** Names of members outside the manifest, which were left out. At most 1000. */
  readonly skipped: readonly string[];
  /** Of the files. */
  readonly sizeBytes: number;
}

/**
 * Captures what the manifest includes of a home as a seed. What is missing is left out.
 *
 * Streams from the host through the cipher into the store. When anything fails nothing of it stays, and the error is
 * `SEED_EMPTY` (a home with nothing of it), `SEED_TOO_LARGE`, or that of the transform, the host (`HostError`), the cipher or
 * the store.
 */
export async function captureSeed({ host, home, beneath, maxBytes, ...options }: CaptureSeedOptions): Promise<Seed> {
  const { include } = options.manifest;
  const limit = maxBytes ?? maxSeedBytes;
  const archive = archiveDirectory(host, home, {
    include,
    exclude: [],
    maxBytes: limit,
    ...(beneath === undefined ? {} : { beneath }),
    ...(options.abortSignal === undefined ? {} : { abortSignal: options.abortSignal }),
  });
  const refuseEmpty = (): never => {
    throw new SeedEngineError(
      'SEED_EMPTY',
      `There is nothing to keep in ${home} on ${host.description}, neither ${include.join(' nor ')}: have the agent log in with this home first`,
    );
  };
  return storeSeed({
    ...options,
    transform: withoutNothing(options.transform, refuseEmpty),
    archive: explainLimit(archive, async (cause) => {
      const largest = await describeLargest(host, home, include, options.abortSignal);
      return new SeedEngineError(
        'SEED_TOO_LARGE',
        `${home} on ${host.description} holds more than the ${limit} bytes that a seed may have; the largest files are ${largest}`,
        { cause },
      );
    }),
  });
}

/**
 * Plants a seed: its files are put over what is in the home, which is otherwise left as it is. Only what the manifest
 * includes is written, with modes for its owner alone, into a fresh directory first and into place once all of it has
 * proved good; nothing is ever written through a link. A transform changes files before anybody can see them.
 *
 * Throws `SEED_NOT_FOUND`, `SEED_EXPIRED`, `SEED_VERSION_UNKNOWN`, `SEED_MALFORMED`, `BLOB_CORRUPT`, `DecryptError`,
 * what the transform throws, and the host's `HostError`; then the home is as it was.
 */
export async function plantSeed(options: PlantSeedOptions): Promise<PlantReport> {
  for (;;) {
    const { seed, document, archive } = await openSeed(options);
    if (seed.isExpired) {
      throw new SeedEngineError(
        'SEED_EXPIRED',
        `Seed ${seed.id} expired at ${seed.expiresAt?.toISOString()}: give it a later end, or purge it`,
      );
    }
    try {
      await restoreDirectory(options.host, options.home, archive.content, {
        existing: 'keep',
        links: 'refuse-outward',
        ...(options.beneath === undefined ? {} : { beneath: options.beneath }),
        ...(options.abortSignal === undefined ? {} : { abortSignal: options.abortSignal }),
      });
      const { taken, skipped, sizeBytes } = archive.members;
      return { seed, planted: taken, skipped, sizeBytes };
    } catch (error) {
      // Sealed anew, or with a newer login, while it was read: nothing was planted, and there is a whole one again.
      if (!(await wasReplaced(options, document.revision, error))) throw error;
    }
  }
}

/** The transform, which refuses a home that has nothing unless it makes something of that. */
function withoutNothing(transform: SeedTransform | undefined, refuse: () => never): SeedTransform {
  return {
    files: transform?.files ?? [],
    apply: async (files, contents) => {
      const changed = (await transform?.apply(files, contents)) ?? {};
      const isEmpty = contents.members.length === 0 && Object.values(changed).every((content) => content === undefined);
      return isEmpty ? refuse() : changed;
    },
  };
}

async function* explainLimit(
  archive: Bytes,
  explain: (cause: HostError) => Promise<SeedEngineError>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* archive;
  } catch (error) {
    if (HostError.is(error) && error.code === 'OUTPUT_LIMIT') throw await explain(error);
    throw error;
  }
}
