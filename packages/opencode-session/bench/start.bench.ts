// From connecting to live, on a host that has opencode, near and far. What the link adds, in round trips, is the difference of
// the times. The original took 75 to 118, measured in the same way.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { createLocalHost } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { ensureOpencode } from '@optio-ts/opencode-installer';
import type { OpencodeConfig } from '@optio-ts/opencode-launcher';
import { noCipher } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import {
  measure,
  printTable,
  scriptedProviderConfig,
  startLink,
  startScriptedModel,
  startSshd,
} from '@optio-ts/testkit';

import { startOpencodeSession } from '../src/index.ts';

const RTT_MS = 50;
const { sshd, reason } = await startSshd();
if (sshd === undefined) throw new Error(`no sshd here: ${reason}`);
await using _ = sshd;
await using near = await startLink({ targetPort: sshd.port });
await using far = await startLink({ targetPort: sshd.port, delayMs: RTT_MS / 2 });
await using model = await startScriptedModel({ script: () => ({ text: 'Nothing to do.' }) });
await using local = createLocalHost();
const cacheDirectory = dirname(dirname((await ensureOpencode(local)).path));
const taskRoot = await mkdtemp(join(tmpdir(), 'optio-bench-'));
const { host, user, privateKey, hostKeys } = sshd;
let count = 0;

/** The ends of sessions, which are not measured. */
const ends: Promise<unknown>[] = [];

/** One session, from connecting to live. */
async function start(port: number): Promise<void> {
  const machine = createSshHost({
    host,
    port,
    user,
    authentication: { type: 'key', privateKey },
    hostKeys: pinnedKey(...hostKeys.map(({ fingerprint }) => fingerprint)),
  });
  count += 1;
  const session = await startOpencodeSession({
    host: machine,
    store: createMemoryStore(),
    cipher: noCipher,
    taskRoot,
    taskId: `start-${count}`,
    task: 'Nothing.',
    supportsResume: false,
    cacheDirectory,
    config: scriptedProviderConfig(model.url) as OpencodeConfig,
  });
  for await (const { type } of session.events) if (type === 'live') break;
  ends.push(session.kill().then(() => machine[Symbol.asyncDispose]()));
}

const times = await measure(
  { near: () => start(near.port), far: () => start(far.port) },
  { rounds: 8, warmUp: 1, between: async () => void (await Promise.all(ends.splice(0))) },
);
await Promise.all(ends);
await rm(taskRoot, { recursive: true, force: true });
const trips = (times.far.medianMs - times.near.medianMs) / RTT_MS;
printTable(
  'from connecting to live',
  ['', 'median ms', 'p90 ms', 'round trips'],
  [
    ['no delay', times.near.medianMs.toFixed(0), times.near.p90Ms.toFixed(0), ''],
    [`${RTT_MS} ms there and back`, times.far.medianMs.toFixed(0), times.far.p90Ms.toFixed(0), trips.toFixed(1)],
    ['the original', '', '', '75 to 118'],
  ],
);
