import type { DocumentValue, StoredDocument } from './document.ts';
import type { ListOptions, SortField } from './store.ts';

/** Whether a document is one that `where` asks for. */
export function matches(document: StoredDocument, where: ListOptions['where'] = {}): boolean {
  return Object.entries(where).every(([field, value]) => document[field] === value);
}

/** Compares documents in the order that every store lists them in: the given fields, then the id. */
export function compareDocuments(
  orderBy: readonly SortField[] = [],
): (left: StoredDocument, right: StoredDocument) => number {
  return (left, right) => {
    for (const [field, direction] of orderBy) {
      const order = compareValues(left[field], right[field]);
      if (order !== 0) return direction === 'asc' ? order : -order;
    }
    return compareText(left.id, right.id);
  };
}

function compareValues(left: DocumentValue | undefined, right: DocumentValue | undefined): number {
  const leftRank = rank(left);
  const rightRank = rank(right);
  if (leftRank !== rightRank) return leftRank - rightRank;
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  const difference = Number(left ?? 0) - Number(right ?? 0);
  return Number.isNaN(difference) ? 0 : difference;
}

/** Absent first; what is not one of these has no order of its own. */
function rank(value: DocumentValue | undefined): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number') return 1;
  if (typeof value === 'string') return 2;
  if (typeof value === 'boolean') return 3;
  return value instanceof Date ? 4 : 5;
}

/** By bytes of UTF-8, as databases do, not by UTF-16 units. */
function compareText(left: string, right: string): number {
  return left === right ? 0 : Buffer.compare(Buffer.from(left), Buffer.from(right));
}
