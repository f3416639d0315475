import type { DocumentValue, StoredDocument } from './document.ts';
import { readFields } from './field-reader.ts';
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
  /** Why it cannot be planted, as far as its document shows; absent for a sound one. */
  readonly problem?: string;
}

/** A seed as its document says, and its blob. */
export interface SeedRecord {
  readonly seed: Seed;
  /** `undefined` for a seed with a `problem`. */
  readonly blobId: string | undefined;
}

/** The fields of the original, and ours. */
export function seedToFields(seed: Seed, blobId: string): Record<string, DocumentValue> {
  const { id: _id, createdAt, manifestVersion, problem: _problem, ...more } = seed;
  return { createdAt, blobId: { blob: blobId }, manifestVersion, ...more };
}

/** A stored document as a seed; whatever is wrong with it becomes its `problem`. */
export function seedFromDocument(document: StoredDocument): SeedRecord {
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
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...texts,
      ...(problem === undefined ? {} : { problem }),
    },
    blobId: problem === undefined ? blobId : undefined,
  };
}

const seedTexts = ['agent', 'cipher', 'sha256', 'model', 'label', 'agentVersion'] as const;
type SeedText = (typeof seedTexts)[number];
