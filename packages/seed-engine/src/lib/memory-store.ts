import { assembleStore } from './assemble-store.ts';
import { compareDocuments, matches } from './document-order.ts';
import { namedBlobs, type DocumentParts, type StoredDocument } from './document.ts';
import { checkPrefix } from './store-arguments.ts';
import { putTogether, type StoreBackend } from './store-backend.ts';
import { blobNotFound, blobNotOwned, documentExists, documentNotFound, revisionConflict } from './store-errors.ts';
import type { BlobInfo, Collection, Store } from './store.ts';

/** Options of `createMemoryStore`. */
export interface CreateMemoryStoreOptions {
  /** In front of every collection's name. @default 'optio' */
  readonly prefix?: string;
  /** The clock, for intents. @default the system's */
  readonly now?: () => Date;
}

interface Intent {
  readonly collection: string;
  readonly ownerId: string;
  at: Date;
}

interface MemoryBlob extends Required<BlobInfo> {
  readonly chunks: readonly Uint8Array[];
}

/**
 * A store that lives as long as its object and keeps everything in memory, blobs too: for tests and for runs that leave
 * nothing behind.
 */
export function createMemoryStore(options: CreateMemoryStoreOptions = {}): Store {
  const now = options.now ?? (() => new Date());
  const backend = new MemoryBackend(checkPrefix(options.prefix ?? 'optio'), now);
  return assembleStore(backend, now);
}

class MemoryBackend implements StoreBackend {
  readonly description = 'the store in memory';
  readonly prefix: string;
  readonly chunkBytes = 262_144;
  readonly #now: () => Date;
  readonly #collections = new Map<string, Map<string, StoredDocument>>();
  readonly #blobs = new Map<string, MemoryBlob>();
  readonly #intents = new Map<string, Intent>();

  constructor(prefix: string, now: () => Date) {
    this.prefix = prefix;
    this.#now = now;
  }

  async get(collection: Collection, id: string): Promise<StoredDocument | undefined> {
    const document = this.#documents(collection).get(id);
    return document && structuredClone(document);
  }

  async insert(collection: Collection, parts: DocumentParts): Promise<StoredDocument> {
    const documents = this.#documents(collection);
    if (documents.has(parts.id)) {
      throw documentExists(this.description, collection.name, parts.id);
    }
    this.#settle(collection, parts, new Set());
    return this.#put(collection, parts, 1);
  }

  async replace(collection: Collection, parts: DocumentParts, revision: number): Promise<StoredDocument> {
    const current = this.#documents(collection).get(parts.id);
    if (current === undefined) {
      throw documentNotFound(this.description, collection.name, parts.id);
    }
    if (current.revision !== revision) {
      throw revisionConflict(this.description, collection.name, parts.id, revision);
    }
    const before = new Set(namedBlobs({ ...current }));
    this.#settle(collection, parts, before);
    for (const blob of before) if (!parts.blobs.includes(blob)) this.#blobs.delete(blob);
    return this.#put(collection, parts, revision + 1);
  }

  async remove(collection: Collection, id: string, revision: number | undefined): Promise<boolean> {
    const documents = this.#documents(collection);
    const current = documents.get(id);
    if (current === undefined) return false;
    if (revision !== undefined && current.revision !== revision) {
      throw revisionConflict(this.description, collection.name, id, revision);
    }
    documents.delete(id);
    for (const blob of namedBlobs({ ...current })) this.#blobs.delete(blob);
    return true;
  }

  async *list(
    collection: Collection,
    { where, orderBy, limit }: Parameters<StoreBackend['list']>[1],
  ): AsyncGenerator<StoredDocument> {
    const found = [...this.#documents(collection).values()].filter((document) => matches(document, where));
    for (const document of found.sort(compareDocuments(orderBy)).slice(0, limit)) {
      yield structuredClone(document);
    }
  }

  async announceBlob({
    id,
    collection,
    ownerId,
  }: Parameters<StoreBackend['announceBlob']>[0]): ReturnType<StoreBackend['announceBlob']> {
    this.#intents.set(id, { collection: collection.name, ownerId, at: this.#now() });
    const chunks: Uint8Array[] = [];
    return {
      id,
      write: async (chunk) => {
        const intent = this.#intents.get(id);
        if (intent === undefined) throw blobNotFound(this.description, id);
        intent.at = this.#now();
        chunks.push(chunk);
        return undefined; // Kept.
      },
      finish: async (info) => {
        if (!this.#intents.has(id)) throw blobNotFound(this.description, id);
        this.#blobs.set(id, { ...info, chunks });
      },
      discard: async () => {
        this.#forget(id);
      },
    };
  }

  async statBlob(id: string): Promise<BlobInfo | undefined> {
    const blob = this.#blobs.get(id);
    return blob && { sizeBytes: blob.sizeBytes, sha256: blob.sha256 };
  }

  async *readChunks(id: string): AsyncGenerator<Uint8Array> {
    for (const chunk of this.#blobs.get(id)?.chunks ?? []) {
      if (!this.#blobs.has(id)) return;
      yield chunk.slice();
    }
  }

  async discardBlob(id: string): Promise<boolean> {
    return this.#intents.has(id) && this.#forget(id);
  }

  async sweep(olderThan: Date): ReturnType<StoreBackend['sweep']> {
    const old = [...this.#intents].filter(([, { at }]) => at <= olderThan);
    for (const [id] of old) this.#forget(id);
    return { removedBlobs: old.length, keptBlobs: 0, youngIntents: this.#intents.size };
  }

  async close(): Promise<void> {
    this.#collections.clear();
    this.#blobs.clear();
    this.#intents.clear();
  }

  #documents({ name }: Collection): Map<string, StoredDocument> {
    let documents = this.#collections.get(name);
    if (documents === undefined) this.#collections.set(name, (documents = new Map()));
    return documents;
  }

  #put(collection: Collection, parts: DocumentParts, revision: number): StoredDocument {
    const document = structuredClone(putTogether(parts.id, revision, parts.fields));
    this.#documents(collection).set(parts.id, document);
    return structuredClone(document);
  }

  /** Checks all before it settles any: a refused document changes nothing. */
  #settle(collection: Collection, { id, blobs }: DocumentParts, before: ReadonlySet<string>): void {
    const added = blobs.filter((blob) => !before.has(blob));
    for (const blob of added) {
      const intent = this.#intents.get(blob);
      const isOwn = intent?.collection === collection.name && intent.ownerId === id;
      if (!isOwn || !this.#blobs.has(blob)) throw blobNotOwned(this.description, blob, id);
    }
    for (const blob of added) this.#intents.delete(blob);
  }

  #forget(id: string): boolean {
    this.#intents.delete(id);
    return this.#blobs.delete(id);
  }
}
