import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { createLocalHost } from '@optio-ts/host-core';
import { getSessionDocument, getSnapshot } from '@optio-ts/seed-engine';
import type { Store } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { createMongoStore } from '@optio-ts/seed-engine/mongo';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { findMongod, markedProcesses } from '@optio-ts/testkit';
import { MongoClient } from 'mongodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { AGENT, recoverSurvivor, startSurvivor } from '../../test/survivor.ts';
import type { Survivor, SurvivorPlace } from '../../test/survivor.ts';
import type { AgentEvent } from './events.ts';

const host = createLocalHost();
let directory: string;
let mounted: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'optio-faults-'));
  mounted = [];
});
afterEach(() => {
  for (const path of mounted) execFileSync('umount', [path]);
  rmSync(directory, { recursive: true, force: true });
});

const placeOn = (store: Store): SurvivorPlace => ({
  host,
  store,
  ownerId: 'worker-1',
  leaseMs: 60_000,
  agentLeaseMs: 60_000,
});

/** A small disk of its own; `undefined` where nothing can be mounted. */
function smallDisk(name: string, size: string): string | undefined {
  const path = join(directory, name);
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'optio-test', path], { stdio: 'pipe' });
  } catch {
    return undefined;
  }
  mounted.push(path);
  return path;
}

async function untilStatus({ session }: Survivor, message: string): Promise<void> {
  for await (const event of session?.events ?? []) if (event.type === 'status' && event.message === message) return;
  throw new Error(`The session ended before ${message}`);
}

describe('a disk that is full', () => {
  it('of the host: the session ends, says why, and what the agent has made is kept', async ({ skip }) => {
    const disk = smallDisk('tasks', '3m');
    if (disk === undefined) return skip('needs the right to mount: run as root');
    await using store = createMemoryStore();
    const taskRoot = join(disk, 'tasks');
    const script = `
      echo precious >precious; say 'STATUS: begun'
      head -c 9000000 /dev/zero >fill || exit 3
      say DONE; stay`;
    const survivor = await startSurvivor(placeOn(store), { taskId: 'full', taskRoot, script });
    const outcome = await survivor.result;
    expect(outcome).toMatchObject({ state: 'failed', reason: 'agent-exited', exit: { exitCode: 3 }, problems: [] });
    const { id, runId, taskDirectory } = survivor.document;
    expect(await getSnapshot(store, AGENT, id)).toMatchObject({ endState: 'failed' });
    expect(await getSessionDocument(store, id)).toMatchObject({ state: 'ended', outcome: { reason: 'agent-exited' } });
    expect(existsSync(taskDirectory)).toBe(false);
    expect(await markedProcesses(`=${runId}`)).toEqual([]);
    execFileSync('sh', ['-c', 'head -c 9000000 /dev/zero >"$1/fill" || true', 'sh', disk], { stdio: 'pipe' });
    await expect(startSurvivor(placeOn(store), { taskId: 'next', taskRoot, script })).rejects.toMatchObject({
      code: 'WRITE_FAILED',
    });
  });

  it('of the store: the directory stays, and is kept once there is room', async ({ skip }) => {
    const disk = smallDisk('store', '3m');
    if (disk === undefined) return skip('needs the right to mount: run as root');
    await using store = createSqliteStore(join(disk, 'optio.db'));
    const taskRoot = join(directory, 'tasks');
    const script = `head -c 6000000 /dev/urandom >precious; say 'STATUS: begun'; say DONE; stay`;
    const first = await startSurvivor(placeOn(store), { taskId: 'full', taskRoot, script });
    const outcome = await first.result;
    expect(outcome).toMatchObject({ state: 'done', problems: [{ step: 'teardown' }] });
    const { id, runId, taskDirectory } = first.document;
    expect(existsSync(join(taskDirectory, 'workdir/precious'))).toBe(true);
    expect(await markedProcesses(`=${runId}`)).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=64m', disk]);
    const second = await recoverSurvivor(placeOn(store), id);
    expect(second.action).toBe('finish');
    expect(await second.result).toMatchObject({ state: 'done', problems: [] });
    const snapshot = await getSnapshot(store, AGENT, id);
    expect(snapshot?.endState).toBe('done');
    expect(snapshot?.workdir.sizeBytes).toBeGreaterThan(6_000_000);
    expect(existsSync(taskDirectory)).toBe(false);
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
  });
});

/** A server of its own, to be ended and started again. */
async function startMongod(path: string, dbPath: string, port: number): Promise<ChildProcess> {
  const args = [
    '--dbpath',
    dbPath,
    '--port',
    String(port),
    '--bind_ip',
    '127.0.0.1',
    '--wiredTigerCacheSizeGB',
    '0.25',
  ];
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) if (line.includes('Waiting for connections')) break;
  // Nobody reads the rest, and it must not wait for a reader.
  child.stdout.resume();
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('a mongod that is restarted', () => {
  it('in the middle, and at the end, is waited for', async ({ skip }) => {
    const { path, reason } = await findMongod();
    if (path === undefined) return skip(`needs ${reason}`);
    const port = await freePort();
    const dbPath = join(directory, 'db');
    mkdirSync(dbPath);
    let mongod = await startMongod(path, dbPath, port);
    const restart = async (): Promise<void> => {
      mongod.kill('SIGKILL');
      await once(mongod, 'exit');
      mongod = await startMongod(path, dbPath, port);
    };
    try {
      await using client = new MongoClient(`mongodb://127.0.0.1:${port}`, { serverSelectionTimeoutMS: 500 });
      await using store = createMongoStore(client.db('faults'));
      const script = `
        say 'STATUS: one'; await_file two; say 'STATUS: two'; await_file three; say 'STATUS: three'; say DONE; stay`;
      const taskRoot = join(directory, 'tasks');
      const survivor = await startSurvivor(placeOn(store), { taskId: 'restarted', taskRoot, script });
      const { id, taskDirectory } = survivor.document;
      const go = (name: string): void => void execFileSync('touch', [join(taskDirectory, 'workdir', name)]);
      const events: AgentEvent[] = [];
      for await (const event of survivor.session?.events ?? []) {
        events.push(event);
        if (event.type !== 'status') continue;
        if (event.message === 'one') {
          await restart();
          go('two');
        } else if (event.message === 'two') {
          go('three');
          await restart();
        }
      }
      expect(events.filter(({ type }) => type === 'status')).toHaveLength(3);
      expect(await survivor.result).toMatchObject({ state: 'done' });
      expect(await getSnapshot(store, AGENT, id)).toMatchObject({ endState: 'done' });
      expect(await getSessionDocument(store, id)).toMatchObject({ state: 'ended', outcome: { state: 'done' } });
      expect(existsSync(taskDirectory)).toBe(false);
    } finally {
      mongod.kill('SIGKILL');
    }
  });
});

describe('a host that is rebooted', () => {
  for (const isEmptied of [false, true]) {
    it(isEmptied ? 'and emptied: the end says so' : 'and keeps its disk: what is there is kept', async () => {
      await using store = createMemoryStore();
      const taskRoot = join(directory, 'tasks');
      const script = `echo precious >precious; say 'STATUS: begun'; stay`;
      const survivor = await startSurvivor(placeOn(store), { taskId: 'rebooted', taskRoot, script });
      const { id, runId, taskDirectory } = survivor.document;
      await untilStatus(survivor, 'begun');
      const running = await markedProcesses(`=${runId}`);
      // All ends at one moment: nobody is left to see the disk empty.
      for (const { pid } of running) process.kill(pid, 'SIGSTOP');
      if (isEmptied) rmSync(taskRoot, { recursive: true });
      for (const { pid } of running) process.kill(pid, 'SIGKILL');
      const outcome = await survivor.result;
      expect(outcome).toMatchObject({ state: 'lost', reason: 'agent-lost' });
      expect(outcome?.message).toContain('how it ended is not on record');
      expect(await getSessionDocument(store, id)).toMatchObject({ state: 'ended', outcome: { state: 'lost' } });
      expect(existsSync(taskDirectory)).toBe(false);
      expect(await markedProcesses(`=${runId}`)).toEqual([]);
      expect((await getSnapshot(store, AGENT, id))?.endState).toBe(isEmptied ? undefined : 'failed');
      expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
    });
  }
});
