import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';

import { createLocalHost } from '@optio-ts/host-core';
import { getSessionDocument, listSessionDocuments, listSnapshots, SeedEngineError } from '@optio-ts/seed-engine';
import type { SessionDocument, Store } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { markedProcesses, startCampaign } from '@optio-ts/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startSurvivorProcess } from '../../test/survivor-process.ts';
import type { SurvivorOrder, SurvivorProcess } from '../../test/survivor-process.ts';
import { AGENT, recoverSurvivor } from '../../test/survivor.ts';
import type { Survivor, SurvivorPlace } from '../../test/survivor.ts';

const sizes = { one: 30_000, two: 300_000 };
/** About a second, and two deliverables. */
const script = `
say 'STATUS: begun'
head -c ${sizes.one} /dev/zero | tr '\\0' 1 >deliverables/one; say 'DELIVERABLE: deliverables/one'
sleep 0.4; say 'STATUS: half'
head -c ${sizes.two} /dev/zero | tr '\\0' 2 >deliverables/two; say 'DELIVERABLE: deliverables/two'
sleep 0.4; say 'STATUS: nearly'
say 'DONE: all green'; stay`;
const digest = (digit: string, size: number): string => createHash('sha256').update(digit.repeat(size)).digest('hex');
const delivered = [`one ${digest('1', sizes.one)}`, `two ${digest('2', sizes.two)}`];

/** Past the end of a session. */
const PLAY_MS = 2200;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'optio-worker-death-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What is left in a store after a sweep is what its snapshots name, and no more. */
async function expectSwept(storePath: string): Promise<number> {
  await using store = createSqliteStore(storePath);
  await store.sweep({ olderThanMs: 0 });
  const snapshots = await Array.fromAsync(allSnapshots(store));
  const database = new DatabaseSync(storePath, { readOnly: true });
  const row = database
    .prepare('SELECT (SELECT count(*) FROM blobs) AS blobs, (SELECT count(*) FROM intents) AS intents')
    .get();
  database.close();
  expect(row).toEqual({ blobs: 2 * snapshots.length, intents: 0 });
  return snapshots.length;
}

async function* allSnapshots(store: Store): AsyncGenerator<string> {
  for await (const { taskId } of listSessionDocuments(store)) {
    for await (const { id } of listSnapshots(store, AGENT, taskId)) yield id;
  }
}

/** Everything that any worker heard, with the same words under the same id. */
function heard(workers: readonly SurvivorProcess[]): ReadonlyMap<string, string> {
  const events = new Map<string, string>();
  for (const { lines } of workers) {
    for (const { type, id, text } of lines) {
      if (id === undefined || type === 'begun' || type === 'result') continue;
      const words = `${type} ${text}`;
      expect(events.get(id) ?? words, id).toBe(words);
      events.set(id, words);
    }
  }
  return events;
}

/**
 * Kills a worker at a moment, or sees it end before. One in eight moments counts from the start of its process, the others from when it
 * has a session.
 */
async function killAt(worker: SurvivorProcess, random: number): Promise<void> {
  const part = (random * 8) % 1;
  if (random >= 1 / 8) await worker.until('begun');
  const moment = part * PLAY_MS;
  const timer = setTimeout(() => worker.child.kill('SIGKILL'), moment);
  await worker.exited;
  clearTimeout(timer);
}

describe('a worker that is killed', { timeout: 3_600_000 }, () => {
  it('leaves sessions that are finished or resumable after the next one has come', async () => {
    const campaign = startCampaign('kill workers of sessions', { sample: 4, full: 100 });
    const ends = new Map<string, number>();
    const one = async (round: number, moments: readonly [number, number, number, number]): Promise<void> => {
      // Every fourth session is left alone until its host has ended it.
      const isLate = moments[3] < 0.25;
      const order: SurvivorOrder = {
        storePath: join(directory, `${round}.db`),
        taskRoot: join(directory, `tasks-${round}`),
        taskId: 'survivor',
        ownerId: 'worker-1',
        leaseMs: 60_000,
        agentLeaseMs: isLate ? 2000 : 60_000,
        script,
      };
      const first = startSurvivorProcess(order);
      await killAt(first, moments[0]);
      if (isLate) await expectLeaseToEnd(order.storePath);
      const { script: _, ...recovering } = order;
      const workers = [first];
      // Every third recovery is killed too.
      if (moments[1] < 0.34) {
        const second = startSurvivorProcess(recovering);
        workers.push(second);
        await killAt(second, moments[2]);
      }
      const last = startSurvivorProcess(recovering);
      workers.push(last);
      await last.exited;
      expect(last.child.exitCode, `round ${round}`).toBe(0);
      const events = heard(workers);
      if (!existsSync(order.storePath)) return void ends.set('nothing', (ends.get('nothing') ?? 0) + 1);
      await using store = createSqliteStore(order.storePath);
      const documents = await Array.fromAsync(listSessionDocuments(store));
      expect(documents.length).toBeLessThanOrEqual(1);
      if (documents.length === 0) ends.set('nothing', (ends.get('nothing') ?? 0) + 1);
      for (const document of documents) await expectEnded(store, document, events, workers, ends);
      await expectSwept(order.storePath);
    };
    const draw = (): readonly [number, number, number, number] => [
      campaign.random(),
      campaign.random(),
      campaign.random(),
      campaign.random(),
    ];
    for (let round = 0; round < campaign.rounds; round += 4) {
      const rounds = Array.from({ length: Math.min(4, campaign.rounds - round) }, (_none, index) => round + index);
      await Promise.all(rounds.map((number) => one(number, draw())));
    }
    process.stdout.write(`ends: ${JSON.stringify(Object.fromEntries(ends))}\n`);
  });
});

/** With nobody to renew it, the lease of an agent ends what runs, and leaves the directory. */
async function expectLeaseToEnd(storePath: string): Promise<void> {
  if (!existsSync(storePath)) return;
  await using store = createSqliteStore(storePath);
  for await (const { runId, state, taskDirectory } of listSessionDocuments(store)) {
    while ((await markedProcesses(`=${runId}`)).length > 0) await delay(50);
    if (state === 'live') expect(existsSync(taskDirectory)).toBe(true);
  }
}

async function expectEnded(
  store: Store,
  { id, taskId, state, outcome, runId, taskDirectory }: SessionDocument,
  events: ReadonlyMap<string, string>,
  workers: readonly SurvivorProcess[],
  ends: Map<string, number>,
): Promise<void> {
  expect(state).toBe('ended');
  expect(await markedProcesses(`=${runId}`)).toEqual([]);
  expect(existsSync(taskDirectory)).toBe(false);
  const snapshots = await Array.fromAsync(listSnapshots(store, AGENT, taskId));
  const end = `${outcome?.state} ${outcome?.reason}`;
  ends.set(end, (ends.get(end) ?? 0) + 1);
  if (end === 'failed agent-exited') {
    // Its host ended it before it was done; what it had written until then is kept.
    expect(snapshots.map((snapshot) => [snapshot.id, snapshot.endState])).toEqual([[id, 'failed']]);
    return;
  }
  if (outcome?.state !== 'done') {
    // Killed before its agent was told anything.
    expect(end).toBe('failed setup-failed');
    expect(snapshots).toEqual([]);
    return;
  }
  expect(snapshots.map((snapshot) => [snapshot.id, snapshot.endState])).toEqual([[id, 'done']]);
  const logged = [...events].filter(([event]) => !event.includes(':w'));
  expect(logged.map(([, words]) => words).toSorted()).toEqual(
    ['deliverable one', 'deliverable two', 'done ', 'status begun', 'status half', 'status nearly'].toSorted(),
  );
  const files = workers.flatMap(({ lines }) =>
    lines.filter(({ type }) => type === 'delivered').map(({ text }) => text),
  );
  expect([...new Set(files)].toSorted()).toEqual(delivered);
}

/** Takes a session up as soon as its lease is over. */
async function recoverWhenFree(place: SurvivorPlace, id: string): Promise<Survivor> {
  for (;;) {
    const document = await getSessionDocument(place.store, id);
    const leftMs = (document?.owner.leaseExpiresAt.getTime() ?? 0) - Date.now();
    if (leftMs < 0) {
      try {
        return await recoverSurvivor(place, id);
      } catch (error) {
        // Renewed in the last moment: its owner had not been stopped yet, or goes on already.
        if (!SeedEngineError.is(error) || error.code !== 'SESSION_OWNED') throw error;
      }
    }
    await delay(Math.max(1, leftMs + 1));
  }
}

describe('two workers that both believe to own a session', { timeout: 3_600_000 }, () => {
  it('bring about one outcome and one snapshot', async () => {
    const campaign = startCampaign('pause a worker past its lease', { sample: 2, full: 60 });
    let paused = 0;
    await using host = createLocalHost();
    const one = async (round: number, [stopAt, wakeAt]: readonly [number, number]): Promise<void> => {
      const storePath = join(directory, `${round}.db`);
      const taskRoot = join(directory, `tasks-${round}`);
      const order = { storePath, taskRoot, taskId: 'shared', leaseMs: 300, agentLeaseMs: 60_000 };
      const first = startSurvivorProcess({ ...order, ownerId: 'worker-1', script });
      const begun = await first.until('begun');
      if (begun?.id === undefined) throw new Error('The worker did not begin');
      await delay(stopAt * 1800);
      first.child.kill('SIGSTOP');
      // From here on: stopped in the middle of a write it has the database's lock, and nobody gets on before it goes on.
      const wake = setTimeout(() => first.child.kill('SIGCONT'), order.leaseMs + wakeAt * 1500);
      await using store = createSqliteStore(storePath);
      const document = await getSessionDocument(store, begun.id);
      const isOpen = document?.state !== 'ended';
      if (document === undefined) throw new Error('no document');
      let second: string | undefined;
      if (isOpen) {
        paused += 1;
        const survivor = await recoverWhenFree({ ...order, host, store, ownerId: 'worker-2' }, begun.id);
        const result = await survivor.result;
        second = result && `${result.state} ${result.reason}`;
      }
      clearTimeout(wake);
      first.child.kill('SIGCONT');
      await first.exited;
      const told = first.lines.find(({ type }) => type === 'result')?.text;
      const ended = await getSessionDocument(store, begun.id);
      expect(ended?.state).toBe('ended');
      // One outcome: it is in the document, and whoever did not write it down says that the session is not its own.
      const outcome = `${ended?.outcome?.state} ${ended?.outcome?.reason}`;
      expect(
        [told, second].filter((text) => text === outcome).length,
        `${round}: ${told}, ${second}`,
      ).toBeGreaterThanOrEqual(1);
      for (const text of [told, second]) expect([undefined, outcome, 'lost taken-over']).toContain(text);
      const snapshots = await Array.fromAsync(listSnapshots(store, AGENT, 'shared'));
      expect(snapshots.map(({ id }) => id)).toEqual(outcome === 'failed setup-failed' ? [] : [begun.id]);
      expect(await markedProcesses(`=${document.runId}`)).toEqual([]);
      expect(existsSync(document.taskDirectory)).toBe(false);
      await expectSwept(storePath);
    };
    const draw = (): readonly [number, number] => [campaign.random(), campaign.random()];
    for (let round = 0; round < campaign.rounds; round += 4) {
      const rounds = Array.from({ length: Math.min(4, campaign.rounds - round) }, (_none, index) => round + index);
      await Promise.all(rounds.map((number) => one(number, draw())));
    }
    process.stdout.write(`paused while open: ${paused} of ${campaign.rounds}\n`);
  });
});
