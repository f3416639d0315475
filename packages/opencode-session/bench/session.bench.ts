// A session's start (from connecting to live) and its end (from DONE to the result, with snapshot and seed), here, over SSH and over
// SSH at 50 ms, beside opencode's own start and beside the original (optio-opencode 0.1.6) with the same opencode, in one run. What
// a far link adds, in round trips, is the difference of the times. Over SSH a session of the original never ends.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { createLocalHost } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { ensureOpencode } from '@optio-ts/opencode-installer';
import type { OpencodeConfig } from '@optio-ts/opencode-launcher';
import { openKeyring } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import {
  logLines,
  printTable,
  scriptedLogin,
  scriptedProviderConfig,
  startLink,
  startMongo,
  startOriginal,
  startScriptedModel,
  startSshd,
  wrapOpencode,
} from '@optio-ts/testkit';

import { startOpencodeSession } from '../src/index.ts';
import { startBareOpencode } from '../test/bare-opencode.ts';

const RTT_MS = 50;
const ROUNDS = 4;
/** In these the original has its turn as well. */
const ORIGINAL_ROUNDS = [1];
const KEY = 'the key of the scripted model';

// The original needs SFTP.
const { sshd, reason } = await startSshd({ config: ['Subsystem sftp internal-sftp'] });
if (sshd === undefined) throw new Error(`no sshd here: ${reason}`);
const { mongo, reason: noMongo } = await startMongo();
if (mongo === undefined) throw new Error(`no mongod here: ${noMongo}`);
const directory = await mkdtemp(join(tmpdir(), 'optio-bench-'));
const links = {
  near: await startLink({ targetPort: sshd.port }),
  far: await startLink({ targetPort: sshd.port, delayMs: RTT_MS / 2 }),
};
const model = await startScriptedModel({
  apiKey: KEY,
  script: ({ step }) => (step === 0 ? { toolCalls: [logLines(['DONE: at once'])] } : { text: 'That is all.' }),
});
const local = createLocalHost();
const { path: program, version } = await ensureOpencode(local);
const store = createSqliteStore(join(directory, 'optio.db'));
const { cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') });
const times = new Map<string, number[]>();
let count = 0;

function keep(name: string, ms: number): void {
  process.stderr.write(`${name} ${ms.toFixed(0)} ms\n`);
  times.set(name, [...(times.get(name) ?? []), ms]);
}

const openHost = (kind: 'local' | 'near' | 'far'): Host => {
  if (kind === 'local') return createLocalHost();
  return createSshHost({ ...sshd.login, port: links[kind].port, hostKeys: pinnedKey(...sshd.fingerprints) });
};

/** One session of ours. */
const run = async (kind: 'local' | 'near' | 'far'): Promise<void> => {
  const host = openHost(kind);
  count += 1;
  let since = performance.now();
  const session = await startOpencodeSession({
    host,
    store,
    cipher,
    taskRoot: join(directory, 'tasks'),
    taskId: `run-${count}`,
    task: 'Nothing.',
    autoStart: true,
    saveSeed: {},
    cacheDirectory: dirname(dirname(program)),
    login: scriptedLogin(KEY),
    homeConfig: scriptedProviderConfig(model.url) as OpencodeConfig,
  });
  for await (const { type } of session.events) {
    if (type === 'live') keep(`${kind} live`, performance.now() - since);
    if (type === 'done') since = performance.now();
  }
  const { snapshotId, seedId } = await session.result;
  if (snapshotId === undefined || seedId === undefined) throw new Error('nothing was kept');
  keep(`${kind} end`, performance.now() - since);
  await host[Symbol.asyncDispose]();
};

/** One session of the original. */
const runOriginal = async (kind: 'local' | 'near' | 'far'): Promise<void> => {
  count += 1;
  const started = await startOriginal({
    mongoUri: mongo.uri,
    database: `bench-${process.pid}`,
    taskRoot: join(directory, 'original'),
  });
  if (started.original === undefined) throw new Error(started.reason);
  await using original = started.original;
  const keyPath = join(directory, 'key');
  const { log, tookMs } = await original.runSession({
    processId: `original-${count}`,
    opencodeDirectory: join(directory, 'bin'),
    config: scriptedProviderConfig(model.url, { apiKey: KEY }),
    autoStart: true,
    saveSeed: true,
    ...(kind !== 'local' && {
      untilLive: true,
      ssh: { host: sshd.host, port: links[kind].port, user: sshd.user, keyPath },
    }),
  });
  // What it leaves running would be in the way of those that come after.
  if (kind !== 'local') for (const { pid } of await sshd.processes()) process.kill(pid, 'SIGKILL');
  const at = (message: string): number => log.find((entry) => entry.message === message)?.atMs ?? Number.NaN;
  keep(`original ${kind} live`, at('opencode is live'));
  if (kind === 'local') keep('original local end', tookMs - at('at once'));
};

await mkdir(join(directory, 'original'));
await wrapOpencode({ directory: join(directory, 'bin'), program, version });
await writeFile(join(directory, 'key'), sshd.privateKey, { mode: 0o600 });
try {
  for (let round = 0; round < ROUNDS; round += 1) {
    keep('own', await startBareOpencode({ program, version, directory: join(directory, `bare-${round}`) }));
    for (const kind of ['local', 'near', 'far'] as const) {
      await run(kind);
      if (ORIGINAL_ROUNDS.includes(round)) await runOriginal(kind);
    }
  }
} finally {
  await store[Symbol.asyncDispose]();
  await local[Symbol.asyncDispose]();
  await Promise.all([links.near.close(), links.far.close(), model.close()]);
  await sshd.close();
  await mongo.stop();
  await rm(directory, { recursive: true, force: true });
}

const sorted = (name: string): number[] => (times.get(name) ?? []).toSorted((a, b) => a - b);
const median = (name: string): number => sorted(name)[Math.floor(sorted(name).length / 2)] ?? Number.NaN;
const cell = (name: string): string => `${median(name).toFixed(0)} (${sorted(name)[0]?.toFixed(0) ?? '-'})`;
const row = (title: string, kind: string): string[] => [
  title,
  cell(`${kind} live`),
  (median(`${kind} live`) - median('own')).toFixed(0),
  cell(`${kind} end`),
  cell(`original ${kind} live`),
  kind === 'local' ? cell('original local end') : 'never ends',
];
printTable(
  `start and end of a session in ms: the median of ${ROUNDS} (the best); opencode's own start takes ${cell('own')}`,
  ['', 'live', 'beyond its own', 'end', 'the original: live', 'end'],
  [row('here', 'local'), row('SSH', 'near'), row(`SSH, ${RTT_MS} ms`, 'far')],
);
const trips = (kind: string): string => ((median(`${kind}far live`) - median(`${kind}near live`)) / RTT_MS).toFixed(1);
process.stdout.write(`\nround trips until live: ${trips('')}, the original: ${trips('original ')}\n`);
