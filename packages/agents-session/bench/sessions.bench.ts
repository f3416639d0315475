// A hundred sessions in one worker process, on this machine and over SSH, while snapshots of their workdirs are written: from
// an agent's write to the event at a listener, and the memory that a session takes. The bounds are those that were promised.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { createLogProtocol } from '@optio-ts/agents-prompt';
import { archiveDirectory, createLocalHost, openWorkspace, startSupervised } from '@optio-ts/host-core';
import type { Host, Workspace } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { createId, openKeyring, openSnapshot } from '@optio-ts/seed-engine';
import type { Store } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { printTable, startSshd } from '@optio-ts/testkit';

import { runAgentSession } from '../src/index.ts';
import type { AgentSession } from '../src/index.ts';

const SESSIONS = 100;
const MEASURED_MS = 25_000;
/** Each agent writes so often or up to a second later, in a beat of its own: in step they would measure one look at all. */
const PAUSE_SECONDS = 2;
const WORKDIR_BYTES = 2 * 1024 * 1024;
const BOUND_MS = 50;
const BOUND_MIB = 4;
const mebibyte = 1024 ** 2;

const AGENT = `while :; do
  printf 'STATUS: %s\\n' "$(date +%s%N)" >>optio.log
  sleep "$1"
done`;

const root = await mkdtemp(join(await realpath(tmpdir()), 'optio-bench-'));
const store = createSqliteStore(join(root, 'store.db'));
const { cipher } = await openKeyring({ store, identityPath: join(root, 'identity.txt') });
const protocol = createLogProtocol();
let count = 0;

interface Running {
  readonly session: AgentSession;
  readonly workspace: Workspace;
  readonly isHeard: Promise<void>;
}

/** One session with an agent of its own. `hear` gets the milliseconds from each write to its event; `isHeard` once there was one. */
async function start(host: Host, hear: (lateMs: number) => void): Promise<Running> {
  count += 1;
  const workspace = await openWorkspace(host, { taskId: `task-${count}`, taskRoot: join(root, 'tasks') });
  await mkdir(join(workspace.workdir, 'data'));
  await writeFile(join(workspace.workdir, 'data/result'), randomBytes(WORKDIR_BYTES));
  const session = runAgentSession({
    host,
    workspace,
    protocol,
    sessionId: `session-${count}`,
    launch: async () => {
      const agent = await startSupervised(host, {
        directory: workspace.taskDirectory,
        cwd: workspace.workdir,
        command: ['sh', '-c', AGENT, 'sh', (PAUSE_SECONDS + Math.random()).toFixed(3)],
      });
      return { exited: agent.exited, stop: () => agent.stop({ graceMs: 0 }) };
    },
  });
  const { promise: isHeard, resolve } = Promise.withResolvers<void>();
  void (async () => {
    for await (const event of session.events) {
      if (event.type !== 'status') continue;
      hear(performance.timeOrigin + performance.now() - Number(event.message) / 1e6);
      resolve();
    }
  })();
  return { session, workspace, isHeard };
}

/** Writes snapshots of one after another until it is told to stop. Resolves with how many. */
async function keepSnapshots(
  running: readonly Running[],
  host: Host,
  target: Store,
  stop: AbortSignal,
): Promise<number> {
  let written = 0;
  for (; !stop.aborted; written += 1) {
    const { workspace } = running[written % running.length] as Running;
    const ids = { taskId: workspace.taskDirectory, processId: createId(), sessionId: createId() };
    const draft = openSnapshot({ store: target, cipher, agent: 'bench', retention: 1, ...ids });
    await draft.write('workdir', archiveDirectory(host, workspace.workdir));
    await draft.write('session', Readable.from([randomBytes(100_000)]));
    await draft.commit({ endState: 'done' });
  }
  return written;
}

/** The largest resident memory until it is asked for. */
function watchMemory(): () => number {
  let most = 0;
  const look = (): void => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 50);
  return () => {
    look();
    clearInterval(timer);
    return most;
  };
}

async function play(name: string, host: Host): Promise<readonly string[]> {
  // What the first one loads and opens is no session's.
  const first = await start(host, () => undefined);
  await delay(2000);
  const warmUp = new AbortController();
  const warming = keepSnapshots([first], host, store, warmUp.signal);
  await delay(3000);
  warmUp.abort();
  await warming;
  await first.session.cancel();
  globalThis.gc?.();
  const base = process.memoryUsage.rss();
  const readMost = watchMemory();

  let isMeasuring = false;
  const late: number[] = [];
  const hear = (lateMs: number): void => {
    if (isMeasuring) late.push(lateMs);
  };
  const running = await Promise.all(Array.from({ length: SESSIONS }, () => start(host, hear)));
  // A hundred starts at once keep the machine busy for seconds; they are not what is measured.
  await Promise.all(running.map(({ isHeard }) => isHeard));
  await delay(3000);
  const stop = new AbortController();
  const cpuBefore = process.cpuUsage();
  const snapshots = keepSnapshots(running, host, store, stop.signal);
  const stalls = monitorEventLoopDelay({ resolution: 1 });
  stalls.enable();
  isMeasuring = true;
  await delay(MEASURED_MS);
  isMeasuring = false;
  stalls.disable();
  stop.abort();
  const written = await snapshots;
  const cpu = process.cpuUsage(cpuBefore);
  const eachMib = (readMost() - base) / mebibyte / SESSIONS;
  await Promise.all(running.map(({ session }) => session.cancel()));
  const sorted = late.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return [
    name,
    String(late.length),
    String(written),
    at(0.5).toFixed(1),
    at(0.99).toFixed(1),
    (sorted.at(-1) ?? Number.NaN).toFixed(1),
    (at(0.99) / BOUND_MS).toFixed(2),
    (stalls.max / 1e6).toFixed(0),
    eachMib.toFixed(2),
    (eachMib / BOUND_MIB).toFixed(2),
    `${(((cpu.user + cpu.system) / 1000 / MEASURED_MS) * 100).toFixed(0)} %`,
  ];
}

const rows: (readonly string[])[] = [];
{
  await using local = createLocalHost();
  rows.push(await play('this machine', local));
}
const { sshd, reason } = await startSshd();
if (sshd === undefined) process.stderr.write(`no sshd here: ${reason}\n`);
else {
  await using _ = sshd;
  await using host = createSshHost({ ...sshd.login, hostKeys: pinnedKey(...sshd.fingerprints) });
  rows.push(await play('SSH', host));
}
await store[Symbol.asyncDispose]();
await rm(root, { recursive: true, force: true });
printTable(
  `${SESSIONS} sessions, an event each ${PAUSE_SECONDS} to ${PAUSE_SECONDS + 1} s, snapshots of ${WORKDIR_BYTES / mebibyte} MiB meanwhile; bounds: p99 ${BOUND_MS} ms, ${BOUND_MIB} MiB each`,
  [
    'host',
    'events',
    'snapshots',
    'median ms',
    'p99 ms',
    'max ms',
    'p99/bound',
    'longest stall ms',
    'MiB each',
    'MiB/bound',
    'CPU',
  ],
  rows,
);
