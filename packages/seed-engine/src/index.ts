export type { BlobRef, DocumentFields, DocumentValue, NewDocument, StoredDocument } from './lib/document.ts';
export { isBlobRef } from './lib/document.ts';
export { DecryptError, SeedEngineError, type SeedEngineErrorCode } from './lib/errors.ts';
export { createId } from './lib/id.ts';
export type {
  BlobInfo,
  BlobOwner,
  Collection,
  CollectionIndex,
  ListOptions,
  ReadBlobOptions,
  RemoveOptions,
  SortField,
  Store,
  StoredBlob,
  SweepOptions,
  SweepReport,
  WriteBlobOptions,
} from './lib/store.ts';
