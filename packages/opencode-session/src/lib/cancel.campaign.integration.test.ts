import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { createLocalHost, restoreDirectory, RUN_ID_VARIABLE, writeFiles } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { ensureOpencode } from '@optio-ts/opencode-installer';
import type { OpencodeConfig } from '@optio-ts/opencode-launcher';
import { opencodeSeeds } from '@optio-ts/opencode-seeds';
import { listSessionDocuments, loadLatestSnapshot, openKeyring, readSnapshotBlob } from '@optio-ts/seed-engine';
import type { Cipher, Snapshot, Store } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import {
  logLines,
  markedProcesses,
  runCommand,
  scriptedLogin,
  scriptedEnvironment,
  scriptedProviderConfig,
  startCampaign,
  startScriptedModel,
  startSshd,
  writeFile,
} from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { startOpencodeSession } from '../index.ts';

vi.setConfig({ testTimeout: 7_200_000, hookTimeout: 300_000 });

const KEY = 'the key of the scripted model';
const limits = {
  drainMs: 5000,
  cancelDrainMs: 2000,
  beforeStopMs: 20_000,
  stopMs: 15_000,
  afterExecuteMs: 5000,
  teardownMs: 30_000,
};
/** All of them, and what a step is given to stop (2 s each): what an end may take at worst. */
const MOST_MS = Object.values(limits).reduce((sum, ms) => sum + ms, 0) + 6 * 2000;

let directory: string;
let store: Store;
let cipher: Cipher;
let model: ScriptedModel;
let cacheDirectory: string;
let seedId: string;

/** Starts something that outlives its tool call, delivers, and ends. */
const script: ModelScript = ({ step }) =>
  [
    {
      toolCalls: [
        runCommand(
          "trap '' TERM; setsid sleep 1000 >/dev/null 2>&1 </dev/null & printf 'STATUS: 10%% begun\\n' >> ./optio.log",
        ),
      ],
    },
    { toolCalls: [writeFile('./deliverables/report.md', 'x'.repeat(100_000))] },
    { toolCalls: [logLines(['DELIVERABLE: ./deliverables/report.md'])] },
    { toolCalls: [runCommand('sleep 0.3')] },
    { toolCalls: [logLines(['DONE: delivered'])] },
    { text: 'That is all.' },
  ][Math.min(step, 5)] ?? { text: '' };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-cancel-'));
  store = createSqliteStore(join(directory, 'optio.db'));
  ({ cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') }));
  model = await startScriptedModel({ apiKey: KEY, script });
  await using host = createLocalHost();
  cacheDirectory = dirname(dirname((await ensureOpencode(host)).path));
  // A login that rotates: one session at a time has it, and the next one waits until it is given back.
  const rotating = { type: 'oauth', refresh: 'refresh', access: 'access', expires: 1_900_000_000_000 };
  const home = join(directory, 'person');
  const content = JSON.stringify({ ...scriptedLogin(KEY), lab: rotating });
  await writeFiles(host, home, [{ path: '.local/share/opencode/auth.json', content }]);
  const config = scriptedProviderConfig(model.url);
  const seeds = opencodeSeeds({ store, cipher });
  seedId = (await seeds.capture({ host, home, config, opencodeVersion: '1.18.33' })).id;
});

afterAll(async () => {
  await model?.close();
  await store?.[Symbol.asyncDispose]();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

/** Where the sessions of a campaign run. */
interface Place extends AsyncDisposable {
  readonly taskRoot: string;
  /** Not connected yet. */
  readonly open: () => Host;
  /** Processes of its user, but for what a closed connection leaves for a moment. */
  readonly rest: () => Promise<readonly unknown[]>;
}

async function openPlace(kind: 'local' | 'ssh', skip: (reason: string) => never): Promise<Place> {
  if (kind === 'local') {
    const taskRoot = join(directory, 'tasks');
    const dispose = (): Promise<void> => Promise.resolve();
    return { taskRoot, open: createLocalHost, rest: async () => [], [Symbol.asyncDispose]: dispose };
  }
  const { sshd, reason } = await startSshd();
  if (sshd === undefined) return skip(`needs ${reason}`);
  return {
    taskRoot: join(sshd.home, 'tasks'),
    open: () => createSshHost({ ...sshd.login, hostKeys: pinnedKey(...sshd.fingerprints) }),
    rest: () => sshd.processes(),
    [Symbol.asyncDispose]: () => sshd.close(),
  };
}

/** What a session tells on its way, and for how many milliseconds after that it may be cancelled. */
const STAGES: readonly (readonly [told: string, forMs: number])[] = [
  ['probe', 200],
  ['prepare', 300],
  ['launch', 2500],
  ['live', 1500],
  ['status', 500],
  ['deliverable', 500],
  ['done', 800],
];

/** What one session came to. */
interface Round {
  /** What it told last when it was cancelled. */
  readonly moment: string;
  /** From the cancel to the end. */
  readonly tookMs: number;
  readonly hasSnapshot: boolean;
}

/** Runs one session, cancels it so many milliseconds after it has told something, and looks at what is left. */
async function playRound(place: Place, taskId: string, told: string, afterMs: number): Promise<Round> {
  const host = place.open();
  const session = await startOpencodeSession({
    host,
    store,
    cipher,
    cacheDirectory,
    limits,
    taskId,
    seedId,
    taskRoot: place.taskRoot,
    task: 'Deliver.',
    autoStart: true,
    saveSeed: {},
    homeConfig: scriptedProviderConfig(model.url) as OpencodeConfig,
    env: scriptedEnvironment,
  });
  let last = 'nothing';
  const reached = Promise.withResolvers<void>();
  const listening = (async () => {
    for await (const event of session.events) {
      last = event.type === 'progress' ? event.step : event.type;
      if (last === told) reached.resolve();
    }
  })();
  await Promise.race([reached.promise.then(() => delay(afterMs)), session.result]);
  const moment = last;
  const cancelledAt = performance.now();
  const result = await session.cancel('enough');
  const tookMs = performance.now() - cancelledAt;
  await listening;
  await host[Symbol.asyncDispose]();

  expect(tookMs).toBeLessThan(MOST_MS);
  expect(result).toMatchObject({ problems: [], keptDirectory: undefined });
  expect(['cancelled', 'done']).toContain(result.state);
  expect(await readdir(place.taskRoot).catch(() => [])).toEqual([]);
  for await (const document of listSessionDocuments(store, { taskId })) {
    expect(document).toMatchObject({ state: 'ended', outcome: { state: result.state } });
    expect(document.secrets).toBeUndefined();
    expect(await markedProcesses(`${RUN_ID_VARIABLE}=${document.runId}`)).toEqual([]);
  }
  await expect.poll(place.rest).toEqual([]);
  expect(await opencodeSeeds({ store, cipher }).get(seedId)).not.toHaveProperty('lease');
  const snapshot = await loadLatestSnapshot(store, 'opencode', taskId);
  expect(snapshot?.id).toBe(result.snapshotId);
  if (snapshot !== undefined) await checkWhole(snapshot);
  expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  return { moment, tookMs, hasSnapshot: snapshot !== undefined };
}

/** Everything that a resume reads can be read. */
async function checkWhole(snapshot: Snapshot): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readSnapshotBlob(store, cipher, snapshot, 'session')) chunks.push(chunk);
  expect(JSON.parse(Buffer.concat(chunks).toString('utf8'))).toMatchObject({ info: { id: snapshot.sessionId } });
  await using host = createLocalHost();
  for (const part of ['workdir', 'login'] as const) {
    const target = join(directory, 'restored');
    const { entries } = await restoreDirectory(host, target, readSnapshotBlob(store, cipher, snapshot, part));
    expect(entries).toBeGreaterThan(0);
    await rm(target, { recursive: true });
  }
}

describe.each(['local', 'ssh'] as const)('a session that is cancelled at any moment, on %s', (kind) => {
  it('ends in time, leaves nothing, and its snapshot is whole or absent', async (context) => {
    const { rounds, random } = startCampaign(`cancel ${kind}`, { sample: 1, full: 100 });
    await using place = await openPlace(kind, (reason) => context.skip(reason));
    const moments = new Map<string, number>();
    let [slowestMs, snapshots] = [0, 0];
    for (let index = 0; index < rounds; index += 1) {
      const [stage, forMs] = STAGES[Math.floor(random() * STAGES.length)] ?? ['probe', 0];
      const round = await playRound(place, `cancel-${kind}-${index}`, stage, random() * forMs);
      moments.set(round.moment, (moments.get(round.moment) ?? 0) + 1);
      slowestMs = Math.max(slowestMs, round.tookMs);
      snapshots += round.hasSnapshot ? 1 : 0;
    }
    const told = [...moments].map(([moment, count]) => `${moment} ${count}`).join(', ');
    const slowest = `the slowest end took ${Math.round(slowestMs)} ms`;
    process.stdout.write(`cancel ${kind}: ${rounds} rounds, ${slowest}, ${snapshots} snapshots, after: ${told}\n`);
  });
});
