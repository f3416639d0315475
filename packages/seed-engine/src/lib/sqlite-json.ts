import { isBlobRef, type DocumentFields, type DocumentValue } from './document.ts';

// JSON has no dates, bytes or blobs: each is an object with one key that starts with `$`, which no field's name may do.

/** A document's fields as text. */
export function encodeFields(fields: DocumentFields): string {
  return JSON.stringify(encode(fields));
}

/** The fields of such a text. Throws `SyntaxError` for what is none. */
export function decodeFields(text: string): DocumentFields {
  const fields: Record<string, DocumentValue> = {};
  for (const [key, value] of Object.entries(JSON.parse(text) as Record<string, unknown>)) {
    fields[key] = decode(value);
  }
  return fields;
}

function encode(value: DocumentValue): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof Uint8Array) {
    const { buffer, byteOffset, byteLength } = value;
    return { $bytes: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
  }
  if (Array.isArray(value)) return value.map(encode);
  if (isBlobRef(value)) return { $blob: value.blob };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, encode(item)]));
}

function decode(value: unknown): DocumentValue {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (Array.isArray(value)) return value.map(decode);
  const entries = Object.entries(value);
  const [key, content]: [string?, unknown?] = entries.length === 1 ? (entries[0] ?? []) : [];
  if (key === '$date') return new Date(Number(content));
  if (key === '$bytes') return new Uint8Array(Buffer.from(String(content), 'base64'));
  if (key === '$blob') return { blob: String(content) };
  return Object.fromEntries(entries.map(([name, item]) => [name, decode(item)]));
}
