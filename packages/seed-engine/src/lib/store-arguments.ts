import type { Collection, ListOptions } from './store.ts';

const namePattern = /^[A-Za-z][A-Za-z0-9_-]{0,99}$/;
const reservedNames: ReadonlySet<string> = new Set(['blob_intents']);

/** Throws `TypeError` for a collection that no store can have. */
export function checkCollection({ name, indexes = [] }: Collection): void {
  if (!namePattern.test(name) || reservedNames.has(name)) {
    throw new TypeError(`${JSON.stringify(name)} cannot be the name of a collection`);
  }
  for (const index of indexes) {
    if (!namePattern.test(index.name)) {
      throw new TypeError(`${JSON.stringify(index.name)} cannot be the name of an index`);
    }
    for (const [field] of index.fields) checkField(field);
  }
}

/** Throws `TypeError` for a list that cannot be made. */
export function checkListOptions({ where = {}, orderBy = [], limit }: ListOptions): void {
  for (const [field, value] of Object.entries(where)) {
    checkField(field);
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      throw new TypeError(`where.${field} is not a string, number or boolean`);
    }
  }
  for (const [field] of orderBy) checkField(field);
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0)) {
    throw new TypeError('limit is a whole number');
  }
}

/** Throws `TypeError` for a prefix that cannot stand in front of a collection's name. */
export function checkPrefix(prefix: string): string {
  if (!namePattern.test(prefix)) {
    throw new TypeError(`${JSON.stringify(prefix)} cannot be the prefix of a store`);
  }
  return prefix;
}

function checkField(field: string): void {
  // Quotes as well: these names become part of SQL and of MongoDB's paths.
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(field)) {
    throw new TypeError(`${JSON.stringify(field)} cannot be sorted or selected by`);
  }
}
