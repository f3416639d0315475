import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogProtocol } from '@optio-ts/agents-prompt';
import { createRunId, openWorkspace, startSupervised } from '@optio-ts/host-core';
import type { SupervisedProcess, Workspace } from '@optio-ts/host-core';
import { claimSession, createSessionDocument, getSessionDocument, holdSession } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { afterAll, describe, expect, it } from 'vitest';

import { createScriptedBench, isAlive } from '../../test/scripted-agent.ts';
import { findLeftSession, holderId } from './find-left-session.ts';
import { keepAgentAlive } from './keep-agent-alive.ts';
import type { DecidedOutcome } from './outcome.ts';
import { runAgentSession } from './run-agent-session.ts';
import type { SessionLease } from './session-lease.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

/** A lease in the hands of a test. */
function createLease(): { lease: SessionLease; lose: () => void; silence: () => void } {
  const lost = new AbortController();
  let isSilent = false;
  return {
    lease: {
      lost: lost.signal,
      confirm: async () => {
        lost.signal.throwIfAborted();
        if (isSilent) throw new Error('the store does not answer');
      },
    },
    lose: () => lost.abort(new Error('worker-2 has it')),
    silence: () => {
      isSilent = true;
    },
  };
}

describe('a session that another worker takes', () => {
  it('ends as lost at once, and neither agent nor directory is touched', async () => {
    const { lease, lose } = createLease();
    const called: string[] = [];
    const { session, processes } = await bench.start(`say 'STATUS: 1'; stay`, {
      lease,
      hooks: { afterExecute: () => void called.push('afterExecute') },
      beforeStop: () => void called.push('beforeStop'),
      teardown: () => void called.push('teardown'),
    });
    for await (const event of session.events) if (event.type === 'status') lose();
    expect(await session.result).toMatchObject({ state: 'lost', reason: 'taken-over', message: 'worker-2 has it' });
    expect(called).toEqual([]);
    expect(isAlive(processes[0]?.pid ?? 0)).toBe(true);
  });

  it('tells no DONE when the loss is found out at its end', async () => {
    const { lease, lose } = createLease();
    const late: SessionLease = {
      lost: lease.lost,
      confirm: async () => {
        lose();
        lease.lost.throwIfAborted();
      },
    };
    const { session, processes } = await bench.start(`say DONE; stay`, { lease: late });
    const events = await Array.fromAsync(session.events);
    expect(events.map(({ type }) => type)).toEqual(['ended']);
    expect(await session.result).toMatchObject({ state: 'lost', reason: 'taken-over' });
    expect(isAlive(processes[0]?.pid ?? 0)).toBe(true);
  });

  it('is left as it is when nobody can say whose it is', async () => {
    const { lease, silence } = createLease();
    silence();
    const { session, processes } = await bench.start(`say DONE; stay`, { lease });
    expect(await session.result).toMatchObject({ state: 'lost', reason: 'owner-unknown' });
    expect(isAlive(processes[0]?.pid ?? 0)).toBe(true);
  });

  it('ends as ever while it is ours', async () => {
    const { lease } = createLease();
    const { session, processes } = await bench.start(`say DONE; stay`, { lease });
    expect(await session.result).toMatchObject({ state: 'done', problems: [] });
    expect(isAlive(processes[0]?.pid ?? 0)).toBe(false);
  });
});

describe('a session that is taken up again', () => {
  it('finds its agent to stop it, even when it was cancelled before', async () => {
    const workspace = await bench.openWorkspace();
    const agent = await bench.launch(workspace, 'stay');
    const seen: unknown[] = [];
    const session = runAgentSession({
      host: bench.host,
      workspace,
      protocol: createLogProtocol(),
      sessionId: 'orphan',
      log: { generation: 0, offset: 0 },
      abortSignal: AbortSignal.abort(new Error('nobody wants it')),
      hooks: { afterExecute: () => void seen.push('afterExecute') },
      launch: async ({ abortSignal }) => {
        seen.push(abortSignal.aborted);
        return { exited: agent.exited, stop: async () => agent.stop() };
      },
      teardown: ({ isAgentStopped }) => void seen.push(isAgentStopped),
    });
    expect(await session.result).toMatchObject({ state: 'cancelled', message: 'nobody wants it', problems: [] });
    expect(seen).toEqual([false, 'afterExecute', true]);
    expect(isAlive(agent.pid)).toBe(false);
  });

  it('does not take an agent for gone that it has not found', async () => {
    const workspace = await bench.openWorkspace();
    const seen: boolean[] = [];
    const session = runAgentSession({
      host: bench.host,
      workspace,
      protocol: createLogProtocol(),
      sessionId: 'not-found',
      log: { generation: 0, offset: 0 },
      launch: () => Promise.reject(new Error('no answer')),
      teardown: ({ isAgentStopped }) => void seen.push(isAgentStopped),
    });
    expect(await session.result).toMatchObject({ reason: 'setup-failed', message: 'no answer' });
    expect(seen).toEqual([false]);
  });

  it('leaves an agent alone that it finds when the session is of another worker already', async () => {
    const workspace = await bench.openWorkspace();
    const { lease, lose } = createLease();
    const found = Promise.withResolvers<void>();
    const left = Promise.withResolvers<string>();
    const session = runAgentSession({
      host: bench.host,
      workspace,
      protocol: createLogProtocol(),
      sessionId: 'late',
      log: { generation: 0, offset: 0 },
      lease,
      limits: { stopMs: 20 },
      launch: async ({ abortSignal }) => {
        lose();
        expect(abortSignal.aborted).toBe(false);
        await found.promise;
        return {
          exited: Promise.reject(new Error('nobody listens')),
          stop: async () => left.resolve('stopped'),
          leave: async () => left.resolve('left'),
        };
      },
    });
    expect(await session.result).toMatchObject({ reason: 'taken-over' });
    found.resolve();
    expect(await left.promise).toBe('left');
  });
});

describe('a lease of a store', () => {
  it('is lost to the worker that claims the session, and the position stays as it was', async () => {
    await using store = createMemoryStore();
    const document = await createSessionDocument(store, {
      taskId: 'shared',
      agent: 'scripted',
      runId: createRunId(),
      host: 'here',
      taskDirectory: '/nowhere',
      ownerId: 'worker-1',
      leaseMs: 1,
    });
    await using held = holdSession(store, document, { leaseMs: 60_000, watchMs: 10 });
    const { session, signal } = await bench.start(`say 'STATUS: 1'; await_file go; say 'STATUS: 2'; say DONE; stay`, {
      lease: held,
      onOffset: async (log) => void (await held.update({ log })),
    });
    for await (const event of session.events) {
      if (event.type !== 'status') continue;
      // Whatever its lease says: time is not what this is about.
      const now = new Date(Date.now() + 3_600_000);
      await claimSession(store, document.id, { ownerId: 'worker-2', leaseMs: 60_000, now });
      signal('go');
      break;
    }
    expect(await session.result).toMatchObject({ state: 'lost', reason: 'taken-over' });
    const left = await getSessionDocument(store, document.id);
    expect(left).toMatchObject({ owner: { id: 'worker-2', fencing: 2 }, log: { generation: 0 } });
    expect(left?.log.offset).toBeLessThanOrEqual(10);
  });
});

describe('a session whose end was decided before', () => {
  const log = { generation: 0, offset: 10 };

  /** Takes up what an agent has written, with a decision of the worker before. */
  async function takeUp(decided: DecidedOutcome): Promise<readonly string[]> {
    const workspace = await bench.openWorkspace();
    const agent = await bench.launch(workspace, `for n in 1 2 3; do say "STATUS: $n"; done; say DONE; : >ready; stay`);
    while (!existsSync(join(workspace.workdir, 'ready'))) await new Promise(setImmediate);
    const session = runAgentSession({
      host: bench.host,
      workspace,
      protocol: createLogProtocol(),
      sessionId: 'decided',
      log,
      decided,
      launch: async () => ({ exited: agent.exited, stop: async () => agent.stop() }),
    });
    const types = (await Array.fromAsync(session.events)).map((event) =>
      event.type === 'status' ? event.id : event.type,
    );
    expect(await session.result).toMatchObject(decided);
    expect(isAlive(agent.pid)).toBe(false);
    return types;
  }

  it('tells what was not heard, and ends so', async () => {
    const done = { state: 'done', reason: 'agent-done', message: undefined } as const;
    expect(await takeUp(done)).toEqual(['decided:0:10', 'decided:0:20', 'done', 'ended']);
  });

  it('is no DONE when it was cancelled first', async () => {
    const cancelled = { state: 'cancelled', reason: 'cancelled', message: 'enough' } as const;
    expect(await takeUp(cancelled)).toEqual(['decided:0:10', 'decided:0:20', 'ended']);
  });

  it('is only for one that is adopted', async () => {
    const workspace = await bench.openWorkspace();
    const launch = (): Promise<never> => Promise.reject(new Error('never'));
    const decided = { state: 'done', reason: 'agent-done', message: undefined } as const;
    const options = { host: bench.host, workspace, protocol: createLogProtocol(), sessionId: 'x', launch, decided };
    expect(() => runAgentSession(options)).toThrow(TypeError);
  });
});

describe('findLeftSession', () => {
  async function leave(): Promise<{ workspace: Workspace; process: SupervisedProcess; runId: string }> {
    const workspace = await bench.openWorkspace();
    const { runId } = workspace;
    const process = await startSupervised(bench.host, {
      directory: workspace.taskDirectory,
      command: ['sleep', '1000'],
      runId,
    });
    return { workspace, process, runId };
  }

  it('finds the processes, and takes the directory over from every owner before', async () => {
    const { workspace, process, runId } = await leave();
    const place = { host: bench.host, taskDirectory: workspace.taskDirectory, runId };
    const second = await findLeftSession({ ...place, fencing: 2 });
    expect(second.directory).toBe('held');
    expect(second.processes.map(({ id, wasRunning }) => [id, wasRunning])).toEqual([[process.id, true]]);
    // The third died before it came here; the fourth finds what the second has left.
    const fourth = await findLeftSession({ ...place, fencing: 4 });
    expect(fourth.directory).toBe('held');
    for (const former of [workspace, second.workspace]) {
      await expect(former?.remove()).rejects.toMatchObject({ code: 'TASK_DIRECTORY_IN_USE' });
    }
    await process.stop({ graceMs: 0 });
    await fourth.workspace?.remove();
    expect((await findLeftSession({ ...place, fencing: 5 })).directory).toBe('gone');
    expect(existsSync(workspace.taskDirectory)).toBe(false);
  });

  it('leaves a directory alone that another run has', async () => {
    const { workspace, process, runId } = await leave();
    await process.stop({ graceMs: 0 });
    await workspace.remove();
    const { taskId, taskRoot, taskDirectory } = workspace;
    const place = { host: bench.host, taskDirectory, runId };
    await expect(findLeftSession({ ...place, fencing: Number.NaN })).rejects.toThrow(TypeError);
    const other = await openWorkspace(bench.host, { taskId, taskRoot });
    writeFileSync(join(other.workdir, 'mine'), '');
    const found = await findLeftSession({ ...place, fencing: 2 });
    expect(found).toMatchObject({ directory: 'foreign', processes: [] });
    expect(existsSync(join(other.workdir, 'mine'))).toBe(true);
    await other.remove();
  });

  it('gives each owner a name of its own, the run id to the first', () => {
    const runId = createRunId();
    const names = [1, 2, 3].map((fencing) => holderId(runId, fencing));
    expect(names[0]).toBe(runId);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{24}$/);
  });
});

describe('keepAgentAlive', () => {
  it(
    'renews the lease until it is told to end; then the host ends the agent by itself',
    { timeout: 30_000 },
    async () => {
      const workspace = await bench.openWorkspace();
      const leaseMs = 1000;
      const process = await startSupervised(bench.host, {
        directory: workspace.taskDirectory,
        command: ['sleep', '1000'],
        leaseMs,
      });
      let renewals = 0;
      const eighth = new EventTarget();
      const counted: Pick<SupervisedProcess, 'exited' | 'renewLease'> = {
        exited: process.exited,
        renewLease: async (options) => {
          await process.renewLease(options);
          renewals += 1;
          if (renewals === 8) eighth.dispatchEvent(new Event('renewed'));
        },
      };
      const keeping = new AbortController();
      keepAgentAlive({ process: counted, leaseMs, abortSignal: keeping.signal });
      // Eight renewals are two leases.
      await once(eighth, 'renewed');
      expect(isAlive(process.pid)).toBe(true);
      keeping.abort();
      expect(await process.exited).toMatchObject({ leaseExpired: true });
    },
  );
});
