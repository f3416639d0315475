export { assembleStore } from './lib/assemble-store.ts';
export { compareDocuments, matches } from './lib/document-order.ts';
export { namedBlobs, type DocumentParts } from './lib/document.ts';
export { checkPrefix } from './lib/store-arguments.ts';
export { putTogether, type BlobAnnouncement, type BlobSink, type StoreBackend } from './lib/store-backend.ts';
export {
  blobNotFound,
  blobNotOwned,
  documentExists,
  documentNotFound,
  revisionConflict,
  storeTooNew,
} from './lib/store-errors.ts';
