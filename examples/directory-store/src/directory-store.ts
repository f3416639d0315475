import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';

import { createId } from '@optio-ts/seed-engine';
import type { BlobInfo, DocumentFields, Store, StoredDocument } from '@optio-ts/seed-engine';
import {
  assembleStore,
  blobNotFound,
  blobNotOwned,
  checkPrefix,
  compareDocuments,
  documentExists,
  documentNotFound,
  matches,
  namedBlobs,
  putTogether,
  revisionConflict,
} from '@optio-ts/seed-engine/backend';
import type { DocumentParts, StoreBackend } from '@optio-ts/seed-engine/backend';

import { createLock } from './with-lock.ts';

/** A document as it lies in its file. */
interface DocumentRecord {
  readonly id: string;
  readonly revision: number;
  readonly fields: DocumentFields;
}

/** What was announced: a blob that a document is to name, or names no more. */
interface Intent {
  readonly collection: string;
  readonly ownerId: string;
}

/**
 * Makes a `Store` of a directory on this machine (Linux): a file for each document, each blob and each intent. Several processes may use
 * it at once. Readers never wait, since every file is replaced as a whole; writers take turns.
 */
export async function createDirectoryStore(directory: string, prefix = 'optio'): Promise<Store> {
  checkPrefix(prefix);
  const kinds = { blobs: '', documents: '', infos: '', intents: '' };
  for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
    kinds[kind] = join(directory, kind);
    await mkdir(kinds[kind], { recursive: true, mode: 0o700 });
  }
  const locked = createLock(directory);
  const description = `the directory ${directory}`;

  // Ids are of any form: a digest is a name on every file system.
  const documentPath = (collection: string, id: string): string =>
    join(kinds.documents, `${prefix}_${collection}`, createHash('sha256').update(id).digest('hex'));
  const find = (collection: string, id: string): Promise<DocumentRecord | undefined> =>
    read(documentPath(collection, id));
  const intentOf = (blob: string): Promise<Intent | undefined> => read(join(kinds.intents, blob));
  const announce = (blob: string, intent: Intent): Promise<void> => write(join(kinds.intents, blob), intent);
  const isNamed = async (blob: string, { collection, ownerId }: Intent): Promise<boolean> => {
    const owner = await find(collection, ownerId);
    return owner !== undefined && namedBlobs(owner.fields).includes(blob);
  };
  /** Its intent goes last: whoever is killed on the way leaves it to a sweep. */
  const forget = async (blob: string): Promise<void> => {
    for (const kind of [kinds.infos, kinds.blobs, kinds.intents]) await rm(join(kind, blob), { force: true });
  };

  /** Writes the next revision of a document, or removes it: blobs are checked first and settled last. */
  const change = async (
    collection: string,
    current: DocumentRecord | undefined,
    next: DocumentParts | undefined,
  ): Promise<StoredDocument | undefined> => {
    const id = current?.id ?? next?.id ?? '';
    const before = new Set(current && namedBlobs(current.fields));
    const added = (next?.blobs ?? []).filter((blob) => !before.has(blob));
    const dropped = [...before].filter((blob) => next?.blobs.includes(blob) !== true);
    for (const blob of added) {
      const intent = await intentOf(blob);
      const isOwn = intent?.collection === collection && intent.ownerId === id;
      if (!isOwn || (await read(join(kinds.infos, blob))) === undefined) throw blobNotOwned(description, blob, id);
    }
    for (const blob of dropped) await announce(blob, { collection, ownerId: id });
    const path = documentPath(collection, id);
    const record = next && { id, revision: (current?.revision ?? 0) + 1, fields: next.fields };
    if (record === undefined) await rm(path);
    else await write(path, record);
    for (const blob of added) await rm(join(kinds.intents, blob));
    for (const blob of dropped) await forget(blob);
    return record && structuredClone(putTogether(id, record.revision, record.fields));
  };

  const backend: StoreBackend = {
    description,
    prefix,
    chunkBytes: 262_144,
    get: async ({ name }, id) => {
      const found = await find(name, id);
      return found && putTogether(id, found.revision, found.fields);
    },
    insert: ({ name }, parts) =>
      locked(async () => {
        if ((await find(name, parts.id)) !== undefined) throw documentExists(description, name, parts.id);
        return (await change(name, undefined, parts)) as StoredDocument;
      }),
    replace: ({ name }, parts, revision) =>
      locked(async () => {
        const current = await find(name, parts.id);
        if (current === undefined) throw documentNotFound(description, name, parts.id);
        if (current.revision !== revision) throw revisionConflict(description, name, parts.id, revision);
        return (await change(name, current, parts)) as StoredDocument;
      }),
    remove: ({ name }, id, revision) =>
      locked(async () => {
        const current = await find(name, id);
        if (current === undefined) return false;
        if (revision !== undefined && current.revision !== revision)
          throw revisionConflict(description, name, id, revision);
        await change(name, current, undefined);
        return true;
      }),
    async *list({ name }, { where, orderBy, limit }) {
      const folder = join(kinds.documents, `${prefix}_${name}`);
      const names = (await readdir(folder).catch(() => [])).filter((file) => !file.endsWith('.new'));
      const records = await Promise.all(names.map((file) => read<DocumentRecord>(join(folder, file))));
      const documents = records.flatMap((record) => record && putTogether(record.id, record.revision, record.fields));
      const found = documents.filter((document) => document !== undefined && matches(document, where));
      yield* (found as StoredDocument[]).sort(compareDocuments(orderBy)).slice(0, limit);
    },
    announceBlob: async ({ id, collection, ownerId }) => {
      await announce(id, { collection: collection.name, ownerId });
      const file = await open(join(kinds.blobs, id), 'wx', 0o600);
      // Under the lock, so that no sweep comes between.
      const touch = (): Promise<void> =>
        locked(async () => {
          if ((await intentOf(id)) === undefined) throw blobNotFound(description, id);
          await utimes(join(kinds.intents, id), new Date(), new Date());
        });
      return {
        id,
        write: async (chunk) => {
          await touch();
          await file.writeFile(chunk);
          return chunk;
        },
        finish: async (info) => {
          await file.sync();
          await file.close();
          await locked(async () => {
            if ((await intentOf(id)) === undefined) throw blobNotFound(description, id);
            await write(join(kinds.infos, id), info);
          });
        },
        discard: async () => {
          await file.close();
          await locked(() => forget(id));
        },
      };
    },
    statBlob: (id) => read<BlobInfo>(join(kinds.infos, id)),
    async *readChunks(id) {
      try {
        yield* createReadStream(join(kinds.blobs, id), { highWaterMark: backend.chunkBytes });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
    discardBlob: (id) =>
      locked(async () => {
        const intent = await intentOf(id);
        if (intent === undefined || (await isNamed(id, intent))) return false;
        await forget(id);
        return true;
      }),
    sweep: (olderThan) =>
      locked(async () => {
        const report = { removedBlobs: 0, keptBlobs: 0, youngIntents: 0 };
        for (const blob of await readdir(kinds.intents)) {
          const intent = await intentOf(blob);
          if (intent === undefined) continue;
          const { mtimeMs } = await stat(join(kinds.intents, blob));
          if (Math.floor(mtimeMs) > olderThan.getTime()) report.youngIntents += 1;
          else if (await isNamed(blob, intent)) {
            await rm(join(kinds.intents, blob));
            report.keptBlobs += 1;
          } else {
            await forget(blob);
            report.removedBlobs += 1;
          }
        }
        return report;
      }),
    close: async () => undefined,
  };
  return assembleStore(backend, () => new Date());
}

async function read<Value>(path: string): Promise<Value | undefined> {
  try {
    return deserialize(await readFile(path)) as Value;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whole or not at all, and on the disk when it resolves. */
async function write(path: string, value: object): Promise<void> {
  const fresh = `${path}.${createId()}.new`;
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  await writeFile(fresh, serialize(value), { mode: 0o600, flush: true });
  await rename(fresh, path);
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
