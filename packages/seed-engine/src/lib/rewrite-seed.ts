import { SeedEngineError } from './errors.ts';
import { sealBlob } from './seal-blob.ts';
import { openSealed } from './sealed.ts';
import { filterSeedArchive } from './seed-archive.ts';
import type { SeedTransform } from './seed-edit.ts';
import { checkSeedLease, type SeedLease } from './seed-lease.ts';
import { openSeed, wasReplaced, type OpenSeedOptions } from './seed-store.ts';
import { seedFromDocument, type Seed } from './seed.ts';
import { switchContent } from './switch-content.ts';

/** Options of `rewriteSeed`. */
export interface RewriteSeedOptions extends OpenSeedOptions {
  /**
   * Changes the files. May be called several times, each time with what the seed holds by then; when it returns
   * nothing, the seed stays as it is.
   */
  readonly transform: SeedTransform;
  /** Under this lease: whoever has lost it changes nothing. @default no lease is asked for */
  readonly lease?: SeedLease;
  /** Asked once the transform has run. @default as it was */
  readonly isExclusive?: () => boolean | undefined;
}

/** What became of a seed. */
export interface RewrittenSeed {
  readonly seed: Seed;
  /** Whether there was anything to change. */
  readonly isChanged: boolean;
}

const unchanged = new Error('There is nothing to change');

/**
 * Changes files of a seed in the store: writes its content anew, reads it back, and switches to it by compare-and-swap
 * on the seed's revision. When somebody else was faster, all is done again with what is there then.
 *
 * Throws `SEED_LEASE_LOST`, `SEED_NOT_FOUND`, and what opening the seed and the transform throw; then the seed is as it
 * was.
 */
export async function rewriteSeed(options: RewriteSeedOptions): Promise<RewrittenSeed> {
  const { store, cipher, manifest, seedId, lease, transform, abortSignal } = options;
  const { collection, include } = manifest;
  const watched: SeedTransform = {
    files: transform.files,
    async apply(files, contents) {
      const changed = await transform.apply(files, contents);
      if (Object.keys(changed).length === 0) throw unchanged;
      return changed;
    },
  };
  for (;;) {
    const { seed, document, archive } = await openSeed({ ...options, transform: watched });
    if (lease !== undefined) checkSeedLease(document, lease);
    const owner = { collection, id: document.id };
    let blob;
    try {
      blob = await sealBlob(store, cipher, {
        owner,
        name: 'seed',
        metadata: { processId: seedId },
        content: archive.content,
        ...(abortSignal === undefined ? {} : { abortSignal }),
      });
    } catch (error) {
      if (error === unchanged) return { seed, isChanged: false };
      if (await wasReplaced(options, document.revision, error)) continue;
      throw error;
    }
    try {
      const readBack = openSealed(cipher, blob.cipher, store.readBlob(blob.id), `the new content of seed ${seedId}`);
      for await (const chunk of filterSeedArchive(readBack, include).content) void chunk;
      const { id: blobId, ...sealing } = blob;
      const isExclusive = options.isExclusive?.();
      const replaced = await switchContent(store, collection, document, (current) => {
        if (lease !== undefined) checkSeedLease(current, lease);
        const { quarantine: _quarantine, sealedFor: _sealedFor, ...fields } = current;
        return {
          ...fields,
          ...sealing,
          blobId: { blob: blobId },
          contentVersion: seed.contentVersion + 1,
          ...(isExclusive === undefined ? {} : { isExclusive }),
        };
      });
      return { seed: seedFromDocument(replaced).seed, isChanged: true };
    } catch (error) {
      await store.discardBlob(blob.id).catch(() => {});
      // Done again with what is there now; of a seed that is gone, that says so.
      const isOutrun = SeedEngineError.is(error) && ['DOCUMENT_NOT_FOUND', 'REVISION_CONFLICT'].includes(error.code);
      if (!isOutrun) throw error;
    }
  }
}
