import type { SQLInputValue } from 'node:sqlite';

import type { CollectionIndex, ListOptions } from './store.ts';

/** A statement and what is bound to it after the collection's name. */
export interface SqlQuery {
  readonly text: string;
  readonly parameters: readonly SQLInputValue[];
}

/** The statement that selects the ids of a list, in its order. Fields are identifiers: that was checked before. */
export function selectIds({ where = {}, orderBy = [], limit }: ListOptions): SqlQuery {
  const conditions = ['collection = ?'];
  const parameters: SQLInputValue[] = [];
  for (const [field, value] of Object.entries(where)) {
    if (typeof value === 'boolean') {
      // Its value alone would be the same as that of 0 and 1.
      conditions.push(field === 'id' ? '0' : `json_type(body, '$.${field}') = '${String(value)}'`);
      continue;
    }
    conditions.push(`${valueOf(field)} = ?`);
    if (field !== 'id') {
      conditions.push(
        `json_type(body, '$.${field}') IN (${typeof value === 'string' ? `'text'` : `'integer', 'real'`})`,
      );
    }
    parameters.push(value);
  }
  const order = [...orderBy.map(([field, direction]) => `${valueOf(field)} ${direction}`), 'id asc'];
  if (limit !== undefined) parameters.push(limit);
  return {
    text: `SELECT id FROM documents WHERE ${conditions.join(' AND ')} ORDER BY ${order.join(', ')}${
      limit === undefined ? '' : ' LIMIT ?'
    }`,
    parameters,
  };
}

/**
 * The statement that makes an index. Its expressions must be those of `selectIds` to the letter, or it is never used.
 */
export function sqliteIndex({ name, fields }: CollectionIndex): string {
  const columns = fields.map(([field, direction]) => `${valueOf(field)} ${direction}`);
  return `CREATE INDEX IF NOT EXISTS "list_${name}" ON documents (collection, ${columns.join(', ')})`;
}

/** A date is stored as `{"$date": milliseconds}`: its number sorts, everything else sorts by itself. */
function valueOf(field: string): string {
  if (field === 'id') return 'id';
  return `coalesce(json_extract(body, '$.${field}."$date"'), json_extract(body, '$.${field}'))`;
}
