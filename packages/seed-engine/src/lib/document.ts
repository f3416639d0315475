/** How a document names a blob that it owns. An object with the one key `blob` always means this. */
export interface BlobRef {
  /** What `Store.writeBlob` returned as `id`: 24 hex digits. */
  readonly blob: string;
}

/** What a document may hold. Numbers are finite; keys are not empty and hold no `.`, `$` or NUL. */
export type DocumentValue =
  | string
  | number
  | boolean
  | null
  | Date
  | Uint8Array
  | BlobRef
  | readonly DocumentValue[]
  | { readonly [key: string]: DocumentValue };

/** The fields of a document beside its id and revision. */
export interface DocumentFields {
  readonly [field: string]: DocumentValue;
}

/** A document that is not stored yet. */
export interface NewDocument {
  /** Opaque; unique in its collection. 24 lower-case hex digits are an ObjectId in MongoDB. */
  readonly id: string;
  readonly [field: string]: DocumentValue;
}

/** A document as it was read. */
export interface StoredDocument {
  readonly id: string;
  /** Counts the changes; 0 for a document that knows no revisions (the original's). */
  readonly revision: number;
  readonly [field: string]: DocumentValue;
}

/** A document taken apart and checked. */
export interface DocumentParts {
  readonly id: string;
  readonly fields: DocumentFields;
  /** Ids of the blobs it names, each once. */
  readonly blobs: readonly string[];
}

const blobIdPattern = /^[0-9a-f]{24}$/;
const maxDepth = 32;

/** Whether `id` is one of ours, or an ObjectId of MongoDB. */
export function isObjectIdText(id: string): boolean {
  return blobIdPattern.test(id);
}

/** Narrows a value to a blob's name. */
export function isBlobRef(value: DocumentValue | undefined): value is BlobRef {
  if (!isPlainObject(value)) return false;
  const keys = Object.keys(value);
  return keys.length === 1 && keys[0] === 'blob' && typeof value['blob'] === 'string';
}

/** Checks a document and takes it apart. Throws `TypeError` with the field that cannot be stored. */
export function takeApart(document: NewDocument | StoredDocument): DocumentParts {
  const fields: Record<string, DocumentValue> = {};
  const blobs = new Set<string>();
  for (const [field, value] of Object.entries(document)) {
    if (field === 'id' || field === 'revision') continue;
    if (field === '_id') throw new TypeError('A document has an `id`; `_id` is not a field of its own');
    checkKey(field, field);
    checkValue(value, field, blobs, 0);
    fields[field] = value;
  }
  return { id: checkId(document.id), fields, blobs: [...blobs] };
}

/** Ids of the blobs that a value names, each once. */
export function namedBlobs(value: DocumentValue): readonly string[] {
  const blobs = new Set<string>();
  collectBlobs(value, blobs);
  return [...blobs];
}

/** Throws `TypeError` for what cannot be an id. */
export function checkId(id: unknown): string {
  if (typeof id !== 'string' || id === '' || id.length > 256 || id.includes('\0')) {
    throw new TypeError('A document id is a string of 1 to 256 characters without NUL');
  }
  return id;
}

function checkValue(value: DocumentValue, path: string, blobs: Set<string>, depth: number): void {
  if (depth > maxDepth) throw new TypeError(`Field ${path} is nested deeper than ${maxDepth}`);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`Field ${path} is not a finite number`);
  } else if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new TypeError(`Field ${path} is not a valid date`);
  } else if (value instanceof Uint8Array) {
    return;
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => checkValue(item, `${path}.${index}`, blobs, depth + 1));
  } else if (isBlobRef(value)) {
    if (!isObjectIdText(value.blob)) throw new TypeError(`Field ${path} names no blob of a store`);
    blobs.add(value.blob);
  } else if (isPlainObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      checkKey(key, path);
      checkValue(item, `${path}.${key}`, blobs, depth + 1);
    }
  } else {
    throw new TypeError(`Field ${path} holds something that cannot be stored`);
  }
}

function checkKey(key: string, path: string): void {
  if (key === '' || key === '__proto__' || /[.$\0]/.test(key)) {
    throw new TypeError(`Field ${path}: ${JSON.stringify(key)} cannot be a field's name`);
  }
}

function collectBlobs(value: DocumentValue, blobs: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collectBlobs(item, blobs);
  else if (isBlobRef(value)) blobs.add(value.blob);
  else if (isPlainObject(value)) for (const item of Object.values(value)) collectBlobs(item, blobs);
}

function isPlainObject(value: unknown): value is { readonly [key: string]: DocumentValue } {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
