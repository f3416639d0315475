import { blobCases } from './blob-cases.ts';
import type { StoreCase } from './contract-case.ts';
import { documentCases } from './document-cases.ts';
import { listCases } from './list-cases.ts';
import { ownershipCases } from './ownership-cases.ts';

/** What every store promises, case by case. */
export const storeContract: readonly StoreCase[] = [...documentCases, ...listCases, ...blobCases, ...ownershipCases];
