import type { OpencodeSessionEvent } from '@optio-ts/opencode-session';
import { describe, expect, it } from 'vitest';

import { reduceSession } from './reduce-session.ts';
import { newSessionView, summaryOf } from './session-view.ts';
import type { SessionView } from './session-view.ts';

const start = newSessionView({ id: 's', taskId: 't', host: 'local', outputDirectory: '/out', at: 1 });

type Body = OpencodeSessionEvent extends infer Event
  ? Event extends OpencodeSessionEvent
    ? Omit<Event, 'id' | 'sessionId' | 'at'>
    : never
  : never;

function after(bodies: readonly Body[], from: SessionView = start): SessionView {
  let view = from;
  for (const body of bodies) {
    const event = { id: 'e', sessionId: 's', at: new Date(5), ...body } as OpencodeSessionEvent;
    view = reduceSession(view, event, body.type === 'deliverable' ? `/out/${body.name}` : undefined);
  }
  return view;
}

const permission: Body = { type: 'permission-asked', requestId: 'p', permission: 'bash', patterns: ['ls'] };
const delivered = (name: string, sizeBytes = 1): Body => ({
  type: 'deliverable',
  path: name,
  name,
  sizeBytes,
  content: async function* () {},
});

describe('reduceSession', () => {
  it('shows progress for the moment, and what the agent says for good', () => {
    const view = after([
      { type: 'progress', step: 'launch', message: 'Starting', percent: 5 },
      { type: 'status', message: 'reading', percent: 10 },
      { type: 'log', text: 'a note' },
    ]);
    expect(view.detail).toMatchObject({ status: 'reading', percent: 10, updatedAt: 5 });
    expect(view.lines.map(({ kind, number, text }) => [number, kind, text])).toEqual([
      [0, 'status', 'reading'],
      [1, 'agent', 'a note'],
    ]);
  });

  it('lists no more than a person can look through', () => {
    const flood = Array.from({ length: 300 }, (_, index): Body => ({ ...permission, requestId: `${index}` }));
    const asked = after([{ ...permission, patterns: Array.from({ length: 1000 }, () => 'x') } as Body, ...flood]);
    expect(asked.detail.requests).toHaveLength(50);
    expect(asked.detail.requests[0]).toMatchObject({ id: 'p', patterns: { length: 50 } });
    expect(asked.detail.requestCount).toBe(50);
    const again = after([permission, { ...permission, patterns: ['other'] } as Body]);
    expect(again.detail.requests).toMatchObject([{ id: 'p', patterns: ['other'] }]);
    const many = after(Array.from({ length: 1200 }, (_, index) => delivered(`${index}`)));
    expect(many.detail.deliverables).toHaveLength(1000);
    expect(after([delivered('0', 9)], many).detail.deliverables[0]).toMatchObject({ sizeBytes: 9, version: 2 });
  });

  it('calls for a person until the last request is settled', () => {
    const asked = after([permission, { ...permission, requestId: 'q' }, { type: 'attention', reason: 'asks' }]);
    expect(summaryOf(asked)).toMatchObject({ requestCount: 2, attention: 'asks' });
    const one = after([{ type: 'request-settled', requestId: 'p' }], asked);
    expect(one.detail.requests.map(({ id }) => id)).toEqual(['q']);
    expect(one.detail.attention).toBe('asks');
    const none = after([{ type: 'request-settled', requestId: 'q' }], one);
    expect(summaryOf(none)).toMatchObject({ requestCount: 0, attention: undefined });
  });

  it('calls for a person no more when the agent goes on, or has ended', () => {
    const idle = after([{ type: 'attention', reason: 'idle' }]);
    expect(after([{ type: 'status', message: 'on', percent: undefined }], idle).detail.attention).toBeUndefined();
    const ended = after([permission, { type: 'ended', outcome: { state: 'failed', message: 'why' } as never }], idle);
    expect(ended.detail).toMatchObject({
      state: 'ended',
      attention: undefined,
      requests: [],
      hasInterface: false,
      outcome: { state: 'failed', message: 'why' },
    });
  });

  it('shows the newest of what is delivered twice, in its first place', () => {
    const view = after([delivered('a'), delivered('b'), delivered('a', 7)]);
    expect(view.detail.deliverables).toEqual([
      { name: 'a', sizeBytes: 7, version: 2, savedOn: undefined },
      { name: 'b', sizeBytes: 1, version: 1, savedOn: undefined },
    ]);
    expect(view.paths).toEqual(['/out/a', '/out/b']);
  });

  it('keeps so much of the history, counts on, and leaves earlier views as they were', () => {
    const first = after([{ type: 'log', text: 'first' }]);
    const many = after(
      Array.from({ length: 2500 }, (_, number) => ({ type: 'log', text: `line ${number}` }) as const),
      first,
    );
    expect(first.lines).toHaveLength(1);
    expect([many.lines.length, many.nextLine, many.lines.at(-1)?.number]).toEqual([2000, 2501, 2500]);
  });

  it('takes out what would turn or hide text', () => {
    const view = after([
      { type: 'log', text: 'a\u202Eb\u001B[2J\u0007c' },
      { ...permission, patterns: ['rm \u202Etxt.exe'] } as Body,
    ]);
    expect(view.lines[0]?.text).toBe('abc');
    expect(JSON.stringify(view.detail.requests)).not.toContain('\u202E');
  });
});
