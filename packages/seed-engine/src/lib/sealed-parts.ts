import type { Cipher } from './cipher.ts';
import { noCipherName } from './cipher.ts';
import type { StoredDocument } from './document.ts';
import { SeedEngineError } from './errors.ts';
import { readFields } from './field-reader.ts';
import { sealingOf } from './seal-blob.ts';

// Pure: which blobs of a document are sealed, how, and what a document says of one that was sealed anew.

/** Where a document says what of a blob. */
export interface SealedPart {
  /** The blob's name. */
  readonly name: string;
  readonly blobField: string;
  readonly cipherField: string;
  readonly sealedForField: string;
  readonly sizeField: string;
  readonly sha256Field: string;
  /** The original never seals it: without a cipher's name it is plain. */
  readonly isPlainUnnamed: boolean;
}

/** The one part of a seed. */
export const seedParts: readonly SealedPart[] = [
  {
    name: 'seed',
    blobField: 'blobId',
    cipherField: 'cipher',
    sealedForField: 'sealedFor',
    sizeField: 'sizeBytes',
    sha256Field: 'sha256',
    isPlainUnnamed: false,
  },
];

/** The parts of a snapshot. */
export const snapshotParts: readonly SealedPart[] = ['workdir', 'session', 'login'].map((name) => ({
  name,
  blobField: `${name}BlobId`,
  cipherField: `${name}Cipher`,
  sealedForField: `${name}SealedFor`,
  sizeField: `${name}SizeBytes`,
  sha256Field: `${name}Sha256`,
  isPlainUnnamed: name === 'workdir',
}));

/** How one part of a document is sealed. */
export interface PartState {
  readonly part: SealedPart;
  readonly blobId: string;
  /** Absent: the original wrote it. */
  readonly cipher: string | undefined;
  readonly need: 'none' | 'plain' | 'reseal';
}

/** The ciphers of a rotation. */
export interface RotationCiphers {
  /** Seals, and opens what is sealed already as it should be. Its recipients do not change. */
  readonly to: Cipher;
  /** Opens what another cipher sealed. */
  readonly from: Cipher;
}

/** What is to be done with the parts of a document. Throws `SEED_MALFORMED` or `SNAPSHOT_MALFORMED`. */
export function partStates(
  document: StoredDocument,
  parts: readonly SealedPart[],
  ciphers: RotationCiphers,
): readonly PartState[] {
  const isSeed = parts === seedParts;
  const fields = readFields(
    document,
    isSeed ? 'SEED_MALFORMED' : 'SNAPSHOT_MALFORMED',
    `${isSeed ? 'Seed' : 'Snapshot'} ${document.id}`,
  );
  return parts.flatMap((part): PartState[] => {
    const blobId = part.name === 'login' ? fields.optionalBlob(part.blobField) : fields.blob(part.blobField);
    if (blobId === undefined) return [];
    const cipher = fields.optionalText(part.cipherField);
    const sealedFor = fields.optionalText(part.sealedForField);
    return [{ part, blobId, cipher, need: needOf({ cipher, sealedFor }, ciphers, part.isPlainUnnamed) }];
  });
}

/** What is to be done with something that says so much of its sealing. */
export function needOf(
  { cipher, sealedFor }: { readonly cipher: string | undefined; readonly sealedFor: string | undefined },
  { to, from }: RotationCiphers,
  isPlainUnnamed: boolean,
): PartState['need'] {
  if (cipher === noCipherName) return 'plain';
  if (cipher === undefined) {
    const isSealed = !isPlainUnnamed && (from.opensUnnamed === true || to.opensUnnamed === true);
    return isSealed ? 'reseal' : 'plain';
  }
  const target = sealingOf(to);
  return cipher === target.cipher && sealedFor === target.sealedFor ? 'none' : 'reseal';
}

/** Who opens what a document says was sealed so. What names no cipher is for whichever has the hooks of the original. */
export function openerOf(cipher: string | undefined, { to, from }: RotationCiphers): Cipher {
  if (cipher === to.name) return to;
  return cipher === undefined && from.opensUnnamed !== true ? to : from;
}

/** Whether an error says that something stored cannot be opened, and not that the store is away. */
export function isUnreadable(error: unknown): error is SeedEngineError {
  const codes = ['BLOB_CORRUPT', 'BLOB_NOT_FOUND', 'CIPHER_LIMIT', 'DECRYPT_FAILED', 'DOCUMENT_UNREADABLE'];
  return SeedEngineError.is(error) && [...codes, 'SEED_MALFORMED', 'SNAPSHOT_MALFORMED'].includes(error.code);
}
