import { Binary, ObjectId } from 'mongodb';

import { isBlobRef, isObjectIdText, type DocumentFields, type DocumentValue } from './document.ts';
import { SeedEngineError } from './errors.ts';

/** A document's key in MongoDB: an ObjectId where the id has the form of one, as the original has it. */
export type MongoKey = ObjectId | string;

/** The key of an id. */
export function toKey(id: string): MongoKey {
  return isObjectIdText(id) ? new ObjectId(id) : id;
}

/** The id of a key. */
export function fromKey(key: MongoKey): string {
  return typeof key === 'string' ? key : key.toHexString();
}

/** A document's fields as MongoDB keeps them. */
export function toMongo(fields: DocumentFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, encode(value)]));
}

/** The other way. Throws `DOCUMENT_UNREADABLE` for a type that no document of ours or of the original holds. */
export function fromMongo(fields: Readonly<Record<string, unknown>>, what: string): DocumentFields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, decode(value, `${what}: ${key}`)]));
}

function encode(value: DocumentValue): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return new Binary(value);
  if (Array.isArray(value)) return value.map(encode);
  if (isBlobRef(value)) return new ObjectId(value.blob);
  return toMongo(value as DocumentFields);
}

function decode(value: unknown, path: string): DocumentValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  if (value instanceof Date) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map((item, index) => decode(item, `${path}.${index}`));
  const type = (value as { readonly _bsontype?: string })._bsontype;
  if (type === undefined && typeof value === 'object') {
    return fromMongo(value as Record<string, unknown>, path);
  }
  if (type === 'ObjectId') return { blob: (value as ObjectId).toHexString() };
  if (type === 'Binary') return new Uint8Array((value as Binary).buffer.subarray(0, (value as Binary).position));
  throw new SeedEngineError(
    'DOCUMENT_UNREADABLE',
    `Cannot read ${path}: it holds a ${type ?? typeof value}, which no document of ours does`,
  );
}
