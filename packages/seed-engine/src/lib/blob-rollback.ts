import type { Bytes } from '@optio-ts/host-core';

import { createMeter } from './bytes.ts';
import type { Cipher } from './cipher.ts';
import type { DocumentValue } from './document.ts';
import type { BlobOwner, Store, StoredBlob } from './store.ts';

/** Blobs on their way to one document. */
export interface BlobWriter {
  /** Seals and writes one. `plainBytes` counts what went in. */
  write(options: {
    readonly name: string;
    readonly cipher: Cipher;
    readonly content: Bytes;
    readonly abortSignal?: AbortSignal | undefined;
  }): Promise<StoredBlob & { readonly cipher: string; readonly plainBytes: number }>;
}

/**
 * Writes blobs and then the document that names them, all inside `work`. When it throws, the blobs that were written are removed again;
 * should that fail as well, their intents stay and a sweep removes them.
 */
export async function withBlobs<Result>(
  store: Store,
  owner: BlobOwner,
  metadata: Readonly<Record<string, DocumentValue>>,
  work: (writer: BlobWriter) => Promise<Result>,
): Promise<Result> {
  const written: string[] = [];
  try {
    return await work({
      async write({ name, cipher, content, abortSignal }) {
        const meter = createMeter();
        async function* metered(): AsyncGenerator<Uint8Array> {
          for await (const chunk of content) {
            meter.update(chunk);
            yield chunk;
          }
        }
        const blob = await store.writeBlob({
          owner,
          name,
          metadata,
          content: cipher.encrypt(metered()),
          ...(abortSignal === undefined ? {} : { abortSignal }),
        });
        written.push(blob.id);
        return { ...blob, cipher: cipher.name, plainBytes: meter.sizeBytes };
      },
    });
  } catch (error) {
    for (const id of written) await store.discardBlob(id).catch(() => {});
    throw error;
  }
}
