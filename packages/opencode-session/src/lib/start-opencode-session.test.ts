import type { Host } from '@optio-ts/host-core';
import { noCipher } from '@optio-ts/seed-engine';
import type { Cipher } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { describe, expect, it } from 'vitest';

import type { StartOpencodeSessionOptions } from './options.ts';
import { startOpencodeSession } from './start-opencode-session.ts';

/** Refuses to be used: what is tested here must be found out before. */
const untouchable: Host = {
  description: 'a host that must not be touched',
  run: () => Promise.reject(new Error('run was called')),
  spawn: () => Promise.reject(new Error('spawn was called')),
  forwardPort: () => Promise.reject(new Error('forwardPort was called')),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

const base = { host: untouchable, cipher: noCipher, taskId: 'a-task', task: 'Do it.' };

/** A cipher that the original does not have. */
const sealing: Cipher = { ...noCipher, name: 'sealing' };

describe('startOpencodeSession', () => {
  it.each([
    [{ taskId: '..' }, /taskId/],
    [{ taskId: 'a/b' }, /taskId/],
    [{ taskId: 'a\n' }, /taskId/],
    [{ task: ' ' }, /task must say/],
    [{ message: 'And this.' }, /autoStart/],
    [{ message: ' ', autoStart: true }, /message must say/],
    [{ model: 'gpt-5' }, /provider\/model/],
    [{ deadlineMs: 0 }, /deadlineMs/],
    [{ idleLimitMs: Number.NaN }, /idleLimitMs/],
    [{ deadlineMs: 30 * 24 * 3_600_000 }, /deadlineMs must be at most 2147483647/],
    [{ limits: { stopMs: 0 } }, /stopMs/],
    [{ maxDeliverableBytes: 1.5 }, /maxDeliverableBytes must be a whole number/],
    [{ agentLeaseMs: 500 }, /agentLeaseMs must be at least 1000: got 500/],
    [{ maxSnapshotBytes: -1 }, /maxSnapshotBytes/],
    [{ allowedTools: ['bash', ''] }, /allowedTools/],
    [{ disallowedTools: ['rm -rf'] }, /disallowedTools/],
    [{ host: undefined }, /^host must be a Host/],
    [{ store: undefined }, /^store must be a Store/],
    [{ cipher: undefined }, /^cipher must be a Cipher/],
    [{ taskId: undefined }, /^taskId must be/],
    [{ task: undefined }, /^task must say/],
    [{ browser: 'open' }, /^browser must be 'ignore', 'suppress' or 'redirect': got "open"/],
    [{ onIdle: 'stop' }, /^onIdle must be 'remind' or 'ignore': got "stop"/],
    [{ confine: true }, /^confine must be 'auto', 'required' or 'off': got true/],
    [{ whenSeedBusy: 'fail' }, /^whenSeedBusy must be 'wait' or 'refuse': got "fail"/],
    [{ refresh: 'often' }, /^refresh must be 'always', 'never' or a function: got "often"/],
    [{ taskRoot: 'tasks' }, /^Not a task root: "tasks"/],
    [
      { taskRoot: '/srv/a:b' },
      /^taskRoot must have no colon, since PATH is to name what lies below it: got "\/srv\/a:b"/,
    ],
    [{ compat: 'optio-0.1' as const, cipher: sealing }, /compat .* cipher that the original has/],
    [{ compat: 'optio-0.1' as const, workdirCipher: sealing }, /workdirCipher/],
  ])('refuses %j before anything is touched', async (wrong, message) => {
    // As a caller without types may do it.
    const options = { ...base, store: createMemoryStore(), ...wrong } as unknown as StartOpencodeSessionOptions;
    await expect(startOpencodeSession(options)).rejects.toThrow(message);
    await expect(startOpencodeSession(options)).rejects.toBeInstanceOf(TypeError);
  });

  it('does not send a task to whatever model opencode falls back to', async () => {
    const session = await startOpencodeSession({ ...base, store: createMemoryStore(), autoStart: true });
    const result = await session.result;
    expect(result).toMatchObject({ state: 'failed', reason: 'setup-failed', keptDirectory: undefined });
    expect(result.message).toMatch(/which model/);
  });

  it('fails with the seed’s name when there is no such seed', async () => {
    const seedId = 'f'.repeat(24);
    const session = await startOpencodeSession({ ...base, store: createMemoryStore(), seedId });
    const result = await session.result;
    expect(result.state).toBe('failed');
    expect(result.message).toContain(seedId);
  });

  it('fails with what a function that picks a seed throws, or picks', async () => {
    const pick = (seedId: () => string) => startOpencodeSession({ ...base, store: createMemoryStore(), seedId });
    const thrown = await pick(() => {
      throw new Error('the pool is empty');
    });
    expect((await thrown.result).message).toBe('the pool is empty');
    const unknown = await pick(() => 'f'.repeat(24));
    expect((await unknown.result).message).toContain('f'.repeat(24));
  });

  it('starts fresh, and says so, when there is nothing to resume', async () => {
    const session = await startOpencodeSession({ ...base, store: createMemoryStore(), resume: true });
    const events = await Array.fromAsync(session.events);
    expect(events.find(({ type }) => type === 'warning')).toMatchObject({ code: 'NOTHING_TO_RESUME' });
  });

  it('has no agent to answer before it is live', async () => {
    const session = await startOpencodeSession({ ...base, store: createMemoryStore() });
    await expect(session.answerPermission('per_1', { reply: 'once' })).rejects.toMatchObject({ code: 'NOT_LIVE' });
    await session.result;
  });

  it('is cancelled by a signal that was aborted before', async () => {
    const abortSignal = AbortSignal.abort(new Error('too late'));
    const session = await startOpencodeSession({ ...base, store: createMemoryStore(), abortSignal });
    expect(await session.result).toMatchObject({ state: 'cancelled', message: 'too late' });
  });
});
