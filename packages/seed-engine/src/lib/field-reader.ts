import { isBlobRef, type DocumentFields, type DocumentValue } from './document.ts';
import { SeedEngineError, type SeedEngineErrorCode } from './errors.ts';

/** Reads fields of a document that may have been written by anybody. */
export interface FieldReader {
  text(field: string): string;
  optionalText(field: string): string | undefined;
  number(field: string): number;
  optionalNumber(field: string): number | undefined;
  optionalFlag(field: string): boolean | undefined;
  date(field: string): Date;
  optionalDate(field: string): Date | undefined;
  bytes(field: string): Uint8Array;
  blob(field: string): string;
  optionalBlob(field: string): string | undefined;
  oneOf<Value extends string>(field: string, values: readonly Value[]): Value;
  /** Of an object inside; `undefined` where there is none. */
  inner(field: string): FieldReader | undefined;
  /** The fields themselves. */
  readonly fields: DocumentFields;
}

/** Makes a reader that throws `code` for a field of another type than expected. `what` is for the message. */
export function readFields(fields: DocumentFields, code: SeedEngineErrorCode, what: string): FieldReader {
  const wrong = (field: string, expected: string): SeedEngineError =>
    new SeedEngineError(code, `${what}: ${field} is not ${expected}`);
  const reader: FieldReader = {
    fields,
    text: (field) => reader.optionalText(field) ?? raise(wrong(field, 'there')),
    optionalText(field) {
      const value = present(fields[field]);
      if (value !== undefined && typeof value !== 'string') throw wrong(field, 'text');
      return value;
    },
    number: (field) => reader.optionalNumber(field) ?? raise(wrong(field, 'there')),
    optionalNumber(field) {
      const value = present(fields[field]);
      if (value !== undefined && typeof value !== 'number') throw wrong(field, 'a number');
      return value;
    },
    optionalFlag(field) {
      const value = present(fields[field]);
      if (value !== undefined && typeof value !== 'boolean') throw wrong(field, 'true or false');
      return value;
    },
    date: (field) => reader.optionalDate(field) ?? raise(wrong(field, 'a date')),
    optionalDate(field) {
      const value = present(fields[field]);
      if (value !== undefined && !(value instanceof Date)) throw wrong(field, 'a date');
      return value;
    },
    bytes(field) {
      const value = fields[field];
      return value instanceof Uint8Array ? value : raise(wrong(field, 'bytes'));
    },
    blob: (field) => reader.optionalBlob(field) ?? raise(wrong(field, 'there')),
    optionalBlob(field) {
      const value = present(fields[field]);
      if (value !== undefined && !isBlobRef(value)) throw wrong(field, 'a blob');
      return value?.blob;
    },
    oneOf(field, values) {
      const value = fields[field];
      const known = values.find((candidate) => candidate === value);
      return known ?? raise(wrong(field, `one of ${values.join(', ')}`));
    },
    inner(field) {
      const value = present(fields[field]);
      if (value === undefined) return undefined;
      if (!isFields(value)) throw wrong(field, 'an object');
      return readFields(value, code, `${what}: ${field}`);
    },
  };
  return reader;
}

function present(value: DocumentValue | undefined): Exclude<DocumentValue, null> | undefined {
  return value === null ? undefined : value;
}

function isFields(value: DocumentValue): value is DocumentFields {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && !(value instanceof Date) && !(value instanceof Uint8Array);
}

function raise(error: Error): never {
  throw error;
}
