import { createLogProtocol } from '@optio-ts/agents-prompt';
import { describe, expect, it } from 'vitest';

import type { Deliverables } from './deliverables.ts';
import { createEventStream } from './event-stream.ts';
import type { AgentEvent, LogPosition } from './events.ts';
import { createLogDispatcher } from './log-dispatcher.ts';
import { OffsetTracker } from './offset-tracker.ts';

/** Plays lines through a dispatcher; deliverables are settled at once and only remembered. */
async function play(
  browser: 'suppress' | 'redirect',
  lines: readonly string[],
): Promise<{
  events: AgentEvent[];
  verdicts: unknown[];
  paths: string[];
  nearMisses: string[];
  position: LogPosition | undefined;
}> {
  const stream = createEventStream({ sessionId: 's' });
  const tracker = new OffsetTracker();
  const verdicts: unknown[] = [];
  const paths: string[] = [];
  const nearMisses: string[] = [];
  const deliverables: Deliverables = {
    queued: 0,
    reading: 0,
    close: () => undefined,
    admitAll: () => undefined,
    check: () => Promise.resolve({ isAccepted: true, name: '', sizeBytes: 0 }),
    take: async (_position, path, _found, onSettled) => {
      paths.push(path);
      onSettled();
      return Promise.resolve();
    },
  };
  const dispatcher = createLogDispatcher({
    protocol: createLogProtocol({ browser }),
    stream,
    tracker,
    deliverables,
    onVerdict: (verdict) => verdicts.push(verdict),
    onNearMiss: (keyword) => nearMisses.push(keyword),
    onSettled: () => undefined,
  });
  let offset = 0;
  for (const line of lines) {
    const nextOffset = offset + Buffer.byteLength(line) + 1;
    const isEnd = await dispatcher.take({
      line,
      generation: 1,
      offset,
      nextOffset,
      fingerprint: 'all-0',
      isTruncated: false,
    });
    if (isEnd) break;
    offset = nextOffset;
  }
  await dispatcher.settled();
  stream.end();
  const events = await Array.fromAsync(stream.events);
  return { events, verdicts, paths, nearMisses, position: tracker.take(stream.count) };
}

describe('createLogDispatcher', () => {
  it('routes browser, attention and domain messages, and ends with DONE', async () => {
    const { events, verdicts } = await play('redirect', [
      'BROWSER: "https://a.b/"',
      'ATTENTION: look',
      'BROWSER: http://a.b/',
      'DOMAIN_MESSAGE: invoice {"n":1}',
      'DONE: fine',
      'STATUS: never seen',
    ]);
    expect(events).toMatchObject([
      { type: 'browser', url: 'https://a.b/', id: 's:1:0' },
      { type: 'attention', reason: 'look', id: 's:1:24' },
      { type: 'browser', url: 'http://a.b/' },
      { type: 'domain-message', keyword: 'invoice', data: { n: 1 } },
    ]);
    expect(verdicts).toEqual([{ type: 'done', summary: 'fine' }]);
  });

  it('makes no browser event outside of redirect mode', async () => {
    const { events, verdicts } = await play('suppress', ['BROWSER: https://a.b/', 'ATTENTION: look', 'DONE']);
    expect(events).toMatchObject([
      { type: 'log', text: 'BROWSER: https://a.b/' },
      { type: 'attention', reason: 'look' },
    ]);
    expect(verdicts).toEqual([{ type: 'done', summary: undefined }]);
  });

  it('makes a note of an address that is none of the web', async () => {
    const { events } = await play('redirect', ['BROWSER: javascript:alert(1)', 'BROWSER: "file:///etc/passwd"']);
    expect(events).toMatchObject([
      { type: 'log', text: 'BROWSER: javascript:alert(1)', resembles: 'BROWSER' },
      { type: 'log', text: 'BROWSER: file:///etc/passwd' },
    ]);
  });

  it('shows notes, but no empty lines, and remembers a DONE that is none', async () => {
    const { events, nearMisses } = await play('suppress', ['', 'note', ' DONE', 'status: x', 'error: y']);
    expect(events).toMatchObject([
      { type: 'log', text: 'note' },
      { type: 'log', text: ' DONE', resembles: 'DONE' },
      { type: 'log', text: 'status: x', resembles: 'STATUS' },
      { type: 'log', text: 'error: y', resembles: 'ERROR' },
    ]);
    expect(nearMisses).toEqual(['DONE', 'ERROR']);
  });

  it('announces the same path as often as the agent does', async () => {
    const { paths } = await play('suppress', ['DELIVERABLE: ./deliverables/a', 'DELIVERABLE: deliverables/a']);
    expect(paths).toEqual(['deliverables/a', 'deliverables/a']);
  });

  it('stays before the line that ends the session', async () => {
    expect((await play('suppress', ['STATUS: x', 'ERROR: y'])).position).toMatchObject({ generation: 1, offset: 10 });
    expect((await play('suppress', ['DONE'])).position).toBeUndefined();
  });
});
