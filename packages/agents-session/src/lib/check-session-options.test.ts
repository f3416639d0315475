import { createLogProtocol } from '@optio-ts/agents-prompt';
import { createLocalHost } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import { checkSessionOptions } from './check-session-options.ts';
import { createEventStream } from './event-stream.ts';
import type { RunAgentSessionOptions } from './session-options.ts';

const good: RunAgentSessionOptions = {
  host: createLocalHost(),
  workspace: { workdir: '/w' },
  protocol: createLogProtocol({ browser: 'redirect' }),
  sessionId: 's',
  launch: () => Promise.reject(new Error('never')),
};
const log = { generation: 0, offset: 0 };

describe('checkSessionOptions', () => {
  it('takes what is needed, and all limits at their ends', () => {
    checkSessionOptions(good);
    checkSessionOptions({
      ...good,
      deadlineMs: 2_147_483_647,
      limits: { stopMs: 1 },
      maxDeliverableBytes: 1,
      fencing: 0,
      elapsedMs: -5,
      log,
      decided: { state: 'done', reason: 'agent-done', message: undefined },
      onIdle: 'ignore',
      resumeLogLine: '2026-03-02T17:05:12Z\n',
      stream: createEventStream({ sessionId: 's' }),
    });
  });

  const wrong: [options: object, named: RegExp][] = [
    [{ host: undefined }, /^host must be a Host/],
    [{ protocol: undefined }, /^protocol must be what createLogProtocol/],
    [{ launch: undefined }, /^launch must be a function/],
    [{ sessionId: undefined }, /^sessionId must be/],
    [{ sessionId: '' }, /^sessionId must be/],
    [{ workspace: undefined }, /^workspace\.workdir must be absolute/],
    [{ workspace: {} }, /^workspace\.workdir must be absolute/],
    [{ workspace: { workdir: 'w' } }, /^workspace\.workdir must be absolute: got "w"/],
    // PATH could not hold the directory of the shims.
    [{ workspace: { workdir: '/a:b' } }, /colon.*"\/a:b"/],
    [{ onIdle: 'stop' }, /^onIdle must be 'remind' or 'ignore': got "stop"/],
    [{ resumeLogLine: 'a\nb\n' }, /^resumeLogLine must be one line/],
    [{ log: { generation: 0, offset: -1 } }, /^log must be a position/],
    [{ log: { generation: 0.5, offset: 0 } }, /^log must be a position/],
    [{ log: 'x' }, /^log must be a position/],
    [{ decided: { state: 'done', reason: 'agent-done' } }, /^decided is for a session that is adopted/],
    [{ stream: createEventStream({ sessionId: 'other' }) }, /^stream must be one of the same session/],
    [{ fencing: -1 }, /^fencing must be/],
    [{ fencing: 1.5 }, /^fencing must be/],
    [{ elapsedMs: Number.NaN }, /^elapsedMs must be/],
    [{ deadlineMs: 0 }, /^deadlineMs must be a positive number: got 0/],
    [{ deadlineMs: '5' }, /^deadlineMs must be a positive number: got 5/],
    [{ deadlineMs: Infinity }, /^deadlineMs must be/],
    [{ deadlineMs: 2_147_483_648 }, /^deadlineMs must be at most 2147483647/],
    [{ idleLimitMs: -1 }, /^idleLimitMs must be/],
    [{ reconnectLimitMs: Number.NaN }, /^reconnectLimitMs must be/],
    [{ logPollMs: 0 }, /^logPollMs must be/],
    [{ limits: { stopMs: 0 } }, /^stopMs must be/],
    [{ maxDeliverableBytes: 0 }, /^maxDeliverableBytes must be/],
    [{ maxDeliverableBytes: 1.5 }, /^maxDeliverableBytes must be a whole number: got 1\.5/],
  ];
  for (const [options, named] of wrong) {
    it(`refuses ${JSON.stringify(options, (_key, value: unknown) => value ?? 'nothing')}`, () => {
      const check = (): void => checkSessionOptions({ ...good, ...options } as RunAgentSessionOptions);
      expect(check).toThrow(TypeError);
      expect(check).toThrow(named);
    });
  }

  it('lets a workdir be as it likes where there are no shims', () =>
    checkSessionOptions({ ...good, protocol: createLogProtocol(), workspace: { workdir: '/a:b' } }));

  it('adopts an agent in whatever workdir it runs', () =>
    checkSessionOptions({ ...good, workspace: { workdir: '/a:b' }, log: { generation: 0, offset: 0 } }));
});
