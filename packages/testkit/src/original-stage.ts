import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { MongoClient } from 'mongodb';
import type { Db } from 'mongodb';
import { afterAll, beforeAll, beforeEach, inject } from 'vitest';

import { startOriginal } from './lib/original.ts';
import type { Original } from './lib/original.ts';

/** The original and ours on one database, which is there from `prepare` to the last test. */
export interface OriginalStage {
  readonly db: Db;
  /** Task directories of the original lie here. */
  readonly taskRoot: string;
  /** Not yet there in `prepare`. */
  readonly original: Original;
}

/** Options of `setOriginalStage`. */
export interface OriginalStageOptions {
  /** For its encryption hooks, as in `startOriginal`. @default no hooks */
  readonly key?: Uint8Array | undefined;
  /** Called once, before the original is started. */
  readonly prepare: (stage: OriginalStage) => void | Promise<void>;
}

/** Sets the stage for the tests of a `describe`; where something is missing they are skipped, and say what. */
export function setOriginalStage({ key, prepare }: OriginalStageOptions): OriginalStage {
  let missing: string | undefined;
  const closing = new AsyncDisposableStack();
  const stage: { -readonly [Name in keyof OriginalStage]?: OriginalStage[Name] } = {};

  beforeAll(async () => {
    const mongoUri = inject('mongoUri');
    if (mongoUri === undefined) return void (missing = inject('mongoMissing'));
    const taskRoot = await mkdtemp(join(tmpdir(), 'optio-original-'));
    closing.defer(() => rm(taskRoot, { recursive: true }));
    const client = await MongoClient.connect(mongoUri);
    closing.defer(() => client.close());
    const db = client.db(`optio-test-${randomBytes(12).toString('hex')}`);
    closing.defer(async () => void (await db.dropDatabase()));
    Object.assign(stage, { db, taskRoot });
    await prepare(stage as OriginalStage);
    const database = db.databaseName;
    const started = await startOriginal({ mongoUri, database, taskRoot, ...(key === undefined ? {} : { key }) });
    if (started.original === undefined) missing = started.reason;
    else stage.original = closing.use(started.original);
  }, 240_000);

  beforeEach((context) => {
    if (missing !== undefined) context.skip(`needs ${missing}`);
  });

  afterAll(() => closing.disposeAsync());

  return stage as OriginalStage;
}
