export { ageCipher, type AgeCipherOptions } from './lib/age-cipher.ts';
export { bytesCipher, type BytesCipherOptions, type BytesHook } from './lib/bytes-cipher.ts';
export { changeDocument } from './lib/change-document.ts';
export { noCipher, type Cipher } from './lib/cipher.ts';
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
export { openKeyring, type Keyring, type OpenKeyringOptions } from './lib/keyring.ts';
export { openBytes, openSealed, sealBytes } from './lib/sealed.ts';
export type {
  CancelRequest,
  LogPosition,
  SealedSecret,
  SessionDocument,
  SessionFields,
  SessionOutcomeRecord,
  SessionOwner,
  SessionState,
} from './lib/session-document.ts';
export { sessionCollection } from './lib/session-document.ts';
export { holdSession, type HeldSession, type HoldSessionOptions } from './lib/held-session.ts';
export {
  claimSession,
  createSessionDocument,
  getSessionDocument,
  listSessionDocuments,
  openSecret,
  releaseSession,
  removeSessionDocument,
  renewSessionLease,
  requestSessionCancel,
  sealSecret,
  updateSessionDocument,
  type CreateSessionDocumentOptions,
  type ListSessionDocumentsOptions,
  type SessionChange,
  type SessionClaim,
} from './lib/session-store.ts';
export {
  openSnapshot,
  type CapturedSnapshot,
  type OpenSnapshotOptions,
  type SnapshotDraft,
} from './lib/snapshot-capture.ts';
export { pruneSnapshots } from './lib/snapshot-retention.ts';
export {
  getSnapshot,
  listSnapshots,
  loadLatestSnapshot,
  readSnapshotBlob,
  snapshotCollection,
  type Snapshot,
  type SnapshotBlob,
  type SnapshotEndState,
  type SnapshotPart,
} from './lib/snapshots.ts';
export {
  getSeed,
  listSeeds,
  purgeSeed,
  storeSeed,
  verifySeed,
  type OpenSeedOptions,
  type SeedDescription,
  type SeedReference,
  type SeedVerification,
  type StoreSeedOptions,
  type VerifySeedOptions,
} from './lib/seed-store.ts';
export type { Seed, SeedLeaseInfo, SeedManifest } from './lib/seed.ts';
export type { Quarantine } from './lib/quarantine.ts';
export { purgeExpiredSeeds, updateSeed, type SeedChange } from './lib/seed-change.ts';
export type { SeedContents, SeedFiles, SeedTransform } from './lib/seed-edit.ts';
export { holdSeedLease, type HeldSeedLease, type HoldSeedLeaseOptions } from './lib/held-seed-lease.ts';
export { readSeedFiles, type ReadSeed, type ReadSeedFilesOptions } from './lib/read-seed-files.ts';
export { rewriteSeed, type RewriteSeedOptions, type RewrittenSeed } from './lib/rewrite-seed.ts';
export {
  acquireSeedLease,
  releaseSeedLease,
  renewSeedLease,
  type AcquireSeedLeaseOptions,
  type SeedLease,
  type SeedLeaseReference,
} from './lib/seed-lease.ts';
export {
  captureSeed,
  plantSeed,
  type CaptureSeedOptions,
  type PlantReport,
  type PlantSeedOptions,
} from './lib/seed-host.ts';
export {
  addRecipient,
  exportIdentity,
  exportRecipients,
  listKeys,
  removeRecipient,
  replaceIdentity,
  type KeyInfo,
  type KeyringPlace,
} from './lib/keyring-change.ts';
export type { KeyringRecord } from './lib/keyring-document.ts';
export {
  rotateStore,
  type RotateStoreOptions,
  type RotationProgress,
  type RotationReport,
  type UnreadableItem,
} from './lib/rotate-store.ts';
export {
  exportSeed,
  importSeed,
  readSeedFile,
  writeSeedFile,
  type ExportSeedOptions,
  type ImportSeedOptions,
} from './lib/seed-file.ts';
