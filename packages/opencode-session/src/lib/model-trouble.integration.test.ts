import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost } from '@optio-ts/host-core';
import type { OpencodeConfig } from '@optio-ts/opencode-launcher';
import { noCipher } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import {
  logLines,
  runCommand,
  scriptedEnvironment,
  scriptedProviderConfig,
  startScriptedModel,
} from '@optio-ts/testkit';
import type { ModelScript } from '@optio-ts/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runSession } from '../../test/run-session.ts';
import type { SessionRun } from '../../test/run-session.ts';
import type { StartOpencodeSessionOptions } from '../index.ts';

const slow = { timeout: 300_000 };

/** Seven that start at once take a while to come to their models. */
const DEADLINE_MS = 20_000;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-trouble-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** One session with a model that follows a script. */
async function run(
  taskId: string,
  script: ModelScript,
  more: Partial<StartOpencodeSessionOptions> = {},
): Promise<SessionRun & { readonly tools: readonly string[] }> {
  await using host = createLocalHost();
  await using model = await startScriptedModel({ script });
  const done = await runSession({
    host,
    store: createMemoryStore(),
    cipher: noCipher,
    taskRoot: join(directory, 'tasks'),
    taskId,
    task: 'Write a report.',
    autoStart: true,
    idleLimitMs: 500,
    homeConfig: scriptedProviderConfig(model.url) as OpencodeConfig,
    env: scriptedEnvironment,
    ...more,
  });
  return { ...done, tools: model.requests.find(({ kind }) => kind === 'agent')?.tools ?? [] };
}

/** A model that refuses for ever; opencode asks again at once instead of in 2, 5, 8, 17 and 35 s. */
const refuse =
  (status: number, message: string): ModelScript =>
  () => ({ status, message, headers: { 'retry-after-ms': '10' } });

/** Asks for something once, then ends. */
const ask =
  (call: { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }): ModelScript =>
  ({ step }) => {
    if (step === 0) return { toolCalls: [call] };
    return step === 1 ? { toolCalls: [logLines(['DONE: asked'])] } : { text: 'That is all.' };
  };

describe('a session whose model is in trouble', () => {
  it("ends as it is configured, with the model's own message", slow, async () => {
    const [silent, refused, throttled, broken, looping, failing, missing] = await Promise.all([
      run('silent', () => ({ text: 'Well.' })),
      run('refused', refuse(401, 'no such key')),
      run('throttled', refuse(429, 'too many requests')),
      run('broken', refuse(500, 'out of order')),
      run('looping', () => ({ toolCalls: [runCommand('true')], delayMs: 2000 }), { deadlineMs: DEADLINE_MS }),
      run('failing', () => ({ status: 503, message: 'overloaded' }), { deadlineMs: DEADLINE_MS }),
      // Whose name nobody knows will not be known after a reminder: none of these minutes is waited for.
      run('missing', () => ({ text: 'Well.' }), { model: 'scripted/no-such', idleLimitMs: 600_000 }),
    ]);
    const ended = (state: SessionRun): object => ({ ...state.result, attention: state.types.includes('attention') });
    expect(ended(silent)).toMatchObject({
      reason: 'agent-idle',
      message: 'The agent stopped without DONE or ERROR',
      attention: true,
    });
    for (const [session, message] of [
      [refused, 'no such key'],
      [throttled, 'too many requests'],
      [broken, 'out of order'],
    ] as const) {
      expect(ended(session)).toMatchObject({
        reason: 'model-failed',
        message: `The agent's model failed: ${message}`,
        attention: true,
      });
    }
    expect(throttled.warnings.filter((warning) => warning.includes('too many requests')).length).toBeGreaterThan(4);
    const late = `The session took longer than its deadline of ${DEADLINE_MS} ms`;
    expect(looping.result).toMatchObject({ reason: 'deadline', message: late });
    expect(ended(missing)).toMatchObject({
      reason: 'model-failed',
      message: "The agent's model failed: Model not found: scripted/no-such.",
      attention: false,
    });
    // On a machine that is too busy it may not have come to its model.
    const hasFailed = failing.warnings.some((warning) => warning.startsWith('MODEL_RETRY'));
    const failure = hasFailed ? '; its model failed meanwhile: overloaded' : '';
    expect(failing.result).toMatchObject({ reason: 'deadline', message: `${late}${failure}` });
    for (const { result } of [silent, refused, throttled, broken, looping, failing, missing]) {
      expect(result).toMatchObject({ state: 'failed', problems: [], keptDirectory: undefined });
      // What it has done until then can be gone on with.
      if (result.opencodeSessionId !== undefined) expect(result.snapshotId).toBeDefined();
    }
    expect(await readdir(join(directory, 'tasks'))).toEqual([]);
  });
});

describe('what an agent asks for', () => {
  it('is answered by the policy, or left to whoever answers in time', slow, async () => {
    const question = { question: 'Which colour?', header: 'Colour', options: [{ label: 'Blue', description: 'b' }] };
    const asking = { config: { permission: { bash: 'ask' } }, onIdle: 'ignore' } as const;
    const [declined, allowed, decided] = await Promise.all([
      run('declined', ask({ name: 'question', arguments: { questions: [question] } }), { onQuestion: 'decline' }),
      run('allowed', ask(runCommand('true')), { ...asking, onPermission: 'allow' }),
      run('decided', ask(runCommand('true')), {
        ...asking,
        onPermission: async ({ permission, patterns }) => {
          expect({ permission, patterns: patterns.length }).toEqual({ permission: 'bash', patterns: 1 });
          return { reply: 'always' };
        },
      }),
    ]);
    for (const session of [declined, allowed, decided]) {
      expect(session.result).toMatchObject({ state: 'done', message: 'asked', problems: [] });
      expect(session.types).toContain('request-settled');
      expect(session.types).not.toContain('attention');
    }
    expect(declined.tools).toContain('question');
    expect(allowed.tools).not.toContain('question');
  });

  it('is only what it may: an allow-list is all the tools it has', slow, async () => {
    const write = { name: 'write', arguments: { filePath: 'a.txt', content: 'x' } };
    const [few, others] = await Promise.all([
      run('few', ask(runCommand('true')), { allowedTools: ['bash', 'read', 'edit'], disallowedTools: ['read'] }),
      run('others', ask(write), { disallowedTools: ['edit', 'webfetch', 'task'] }),
    ]);
    for (const session of [few, others]) expect(session.result).toMatchObject({ state: 'done', problems: [] });
    expect(few.tools).toEqual(['bash', 'edit', 'write']);
    expect(others.tools).toEqual(['bash', 'glob', 'grep', 'read', 'skill', 'todowrite']);
  });
});
