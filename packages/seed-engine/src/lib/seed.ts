import type { DocumentValue, StoredDocument } from './document.ts';
import { readFields, type FieldReader } from './field-reader.ts';
import { readQuarantine, type Quarantine } from './quarantine.ts';
import type { Collection } from './store.ts';

/** What of a home makes a seed of one kind of agent. */
export interface SeedManifest {
  /** Where its seeds are kept; `{prefix}_opencode_seeds` for opencode. */
  readonly collection: Collection;
  /** Recorded in each seed. A seed of a version above this one is refused. */
  readonly version: number;
  /**
   * Files, and directories with all that is in them, relative to the home. Nothing else is ever captured or planted.
   */
  readonly include: readonly string[];
  /** The kind of agent, for instance `opencode`. */
  readonly agent: string;
}

/** A seed without its content. */
export interface Seed {
  readonly id: string;
  readonly createdAt: Date;
  readonly manifestVersion: number;
  /** Absent in a seed of the original. */
  readonly agent?: string;
  /** The cipher it is sealed with. Absent in a seed of the original: sealed by its hooks, or plain. */
  readonly cipher?: string;
  /** As stored. Absent in a seed of the original. */
  readonly sizeBytes?: number;
  /** Of the bytes as stored, in hex. Absent in a seed of the original. */
  readonly sha256?: string;
  /** The default model of the agent, for instance `anthropic/claude-sonnet-4-5`. */
  readonly model?: string;
  /** For people. */
  readonly label?: string;
  /** Of the agent it was captured from. */
  readonly agentVersion?: string;
  /** Counts the contents it has had: 1 as captured, the next for each login that was written back. */
  readonly contentVersion: number;
  /** Its login rotates when it is used, so one session at a time may have it: see `acquireSeedLease`. @default unknown */
  readonly isExclusive?: boolean;
  /** Who uses it, while its lease runs. */
  readonly lease?: SeedLeaseInfo;
  /** From then on it is not planted any more. @default never */
  readonly expiresAt?: Date;
  /** Whether that time is over. */
  readonly isExpired: boolean;
  /** For whom it is sealed: names the recipients of a keyring. */
  readonly sealedFor?: string;
  /** It could not be opened when all was sealed anew. It is kept as it is, and may be opened once its key is there. */
  readonly quarantine?: Quarantine;
  /** Why it cannot be planted, as far as its document shows; absent for a sound one. */
  readonly problem?: string;
}

/** Who uses a seed with a login that rotates. */
export interface SeedLeaseInfo {
  readonly holder: string;
  readonly expiresAt: Date;
}

/** A seed as its document says, and its blob. */
export interface SeedRecord {
  readonly seed: Seed;
  /** `undefined` for a seed with a `problem`. */
  readonly blobId: string | undefined;
}

/** What a new seed's document says. */
export type SeedDraft = Omit<Seed, 'id' | 'isExpired' | 'lease' | 'problem' | 'quarantine'>;

/** The fields of the original, and ours. */
export function seedToFields(
  { createdAt, manifestVersion, ...more }: SeedDraft,
  blobId: string,
): Record<string, DocumentValue> {
  return { createdAt, blobId: { blob: blobId }, manifestVersion, ...more };
}

/** A stored document as a seed; whatever is wrong with it becomes its `problem`. */
export function seedFromDocument(document: StoredDocument, now: Date = new Date()): SeedRecord {
  const fields = readFields(document, 'SEED_MALFORMED', `Seed ${document.id}`);
  const problems: string[] = [];
  const attempt = <Value>(read: () => Value): Value | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };
  const createdAt = attempt(() => fields.date('createdAt')) ?? new Date(0);
  const manifestVersion = attempt(() => fields.number('manifestVersion')) ?? 0;
  const blobId = attempt(() => fields.blob('blobId'));
  const sizeBytes = attempt(() => fields.optionalNumber('sizeBytes'));
  const contentVersion = attempt(() => fields.optionalNumber('contentVersion')) ?? 1;
  const isExclusive = attempt(() => fields.optionalFlag('isExclusive'));
  const expiresAt = attempt(() => fields.optionalDate('expiresAt'));
  const lease = attempt(() => readLease(fields, now));
  const quarantine = attempt(() => readQuarantine(fields));
  const texts: { -readonly [Field in SeedText]?: string } = {};
  for (const field of seedTexts) {
    const text = attempt(() => fields.optionalText(field));
    if (text !== undefined) texts[field] = text;
  }
  const [problem] = problems;
  return {
    seed: {
      id: document.id,
      createdAt,
      manifestVersion,
      contentVersion,
      isExpired: expiresAt !== undefined && expiresAt <= now,
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(isExclusive === undefined ? {} : { isExclusive }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(lease === undefined ? {} : { lease }),
      ...(quarantine === undefined ? {} : { quarantine }),
      ...texts,
      ...(problem === undefined ? {} : { problem }),
    },
    blobId: problem === undefined ? blobId : undefined,
  };
}

/** `undefined` when nobody has it. */
function readLease(fields: FieldReader, now: Date): SeedLeaseInfo | undefined {
  const lease = fields.inner('lease');
  const holder = lease?.optionalText('holder');
  if (lease === undefined || holder === undefined) return undefined;
  const expiresAt = lease.date('expiresAt');
  return expiresAt > now ? { holder, expiresAt } : undefined;
}

const seedTexts = ['agent', 'cipher', 'sealedFor', 'sha256', 'model', 'label', 'agentVersion'] as const;
type SeedText = (typeof seedTexts)[number];
