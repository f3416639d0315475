import type { OpencodeSessionEvent } from '@optio-ts/opencode-session';
import { describe, expect, it } from 'vitest';

import type { TaskSummary } from '../report/reporter.ts';
import { beginTrace, traceEntry } from './session-spans.ts';
import type { StepSpan, TraceEntry } from './session-spans.ts';

const at = (second: number): Date => new Date(second * 1000);

type Body = OpencodeSessionEvent extends infer Event
  ? Event extends unknown
    ? Omit<Event, 'id' | 'sessionId' | 'at'>
    : never
  : never;

/** The spans of a task whose entries come one second after the other: events, unless they have a `kind`. */
function spansOf(...entries: readonly (Body | Partial<TaskSummary> | 'step' | 'closed')[]): Record<string, StepSpan> {
  let state = beginTrace(at(0), { 'optio.task.id': 't' });
  const spans: StepSpan[] = [];
  for (const [index, entry] of entries.entries()) {
    const traced = traceEntry(state, asEntry(entry, at(index + 1)));
    ({ state } = traced);
    spans.push(...traced.ended);
  }
  expect(new Set(spans.map(({ name }) => name)).size).toBe(spans.length);
  return Object.fromEntries(spans.map((span) => [span.name, span]));
}

function asEntry(entry: Body | Partial<TaskSummary> | 'step' | 'closed', now: Date): TraceEntry {
  if (entry === 'step' || entry === 'closed') return { kind: entry, at: now };
  if ('type' in entry)
    return { kind: 'event', event: { ...entry, id: 'x', sessionId: 's', at: now } as OpencodeSessionEvent };
  const summary = { exitCode: 0, deliverables: [], seedId: undefined, ...entry } as unknown as TaskSummary;
  return { kind: 'summary', at: now, summary };
}

const step = (name: string): Body => ({ type: 'progress', step: name, message: '' });
const live: Body = {
  type: 'live',
  url: '',
  version: '1.18.33',
  opencodeSessionId: '',
  isConfined: true,
  widgetData: {} as never,
};
const ended = (state: 'done' | 'failed' | 'cancelled' | 'lost', reason: string, message?: string): Body =>
  ({ type: 'ended', outcome: { state, reason, message, exit: undefined, problems: [] } }) as Body;
const toWork = [step('probe'), step('prepare'), step('launch'), live];

describe('traceEntry', () => {
  it('makes the steps of a task spans, one after the other', () => {
    const spans = spansOf(
      'step',
      step('probe'),
      step('download'),
      step('verify'),
      step('prepare'),
      step('launch'),
      live,
      { type: 'deliverable', path: 'p', name: 'secret name', sizeBytes: 3, content: () => [] as never },
      // Said by a hook by now.
      step('download'),
      { type: 'done', summary: 'all green' } as Body,
      step('export'),
      step('stop'),
      step('keep'),
      { type: 'snapshot-saved', snapshotId: 'n' },
      ended('done', 'agent-done', 'all green'),
      { state: 'done', deliverables: ['/a'] },
    );
    const seconds = (span: StepSpan | undefined) => [span?.startedAt, span?.endedAt].map((date) => Number(date) / 1000);
    expect(Object.fromEntries(Object.entries(spans).map(([name, span]) => [name, seconds(span)]))).toEqual({
      task: [0, 16],
      files: [1, 2],
      connect: [2, 3],
      install: [3, 5],
      prepare: [5, 6],
      launch: [6, 7],
      work: [7, 10],
      teardown: [10, 15],
      export: [11, 12],
      stop: [12, 13],
      keep: [13, 15],
    });
    const parents = Object.values(spans).map(({ name, parent }) => [name, parent]);
    expect(Object.fromEntries(parents)).toMatchObject({
      task: undefined,
      work: 'task',
      teardown: 'task',
      keep: 'teardown',
    });
    expect(spans).toMatchObject({
      task: {
        status: 'ok',
        attributes: {
          'optio.task.id': 't',
          'optio.session.id': 's',
          'optio.state': 'done',
          'optio.reason': 'agent-done',
          'optio.exit_code': 0,
          'optio.deliverables': 1,
        },
      },
      launch: { attributes: { 'opencode.version': '1.18.33', 'optio.confined': true } },
      work: { status: 'ok', events: [{ name: 'deliverable', at: at(8), attributes: { 'optio.size_bytes': 3 } }] },
      keep: { events: [{ name: 'snapshot-saved' }] },
    });
    // Nothing that an agent wrote.
    expect(JSON.stringify(spans)).not.toMatch(/all green|secret name/);
  });

  it('says which step failed, and why in our words alone', () => {
    const refused = spansOf(step('probe'), ended('failed', 'setup-failed', 'No route to h\ndetails'), {
      state: 'failed',
      exitCode: 4,
    });
    expect(refused).toMatchObject({
      connect: { status: 'error', message: 'No route to h' },
      task: {
        status: 'error',
        message: 'No route to h',
        attributes: { 'error.type': 'setup-failed', 'optio.exit_code': 4 },
      },
    });
    const givenUp = spansOf(
      ...toWork,
      { type: 'error', message: 'the key is k' } as Body,
      step('export'),
      ended('failed', 'agent-error', 'the key is k'),
      { state: 'failed', exitCode: 1 },
    );
    expect(givenUp).toMatchObject({
      work: { status: 'error', message: 'agent-error' },
      export: { status: 'unset' },
      teardown: { status: 'unset' },
      task: { status: 'error', message: 'agent-error' },
    });
    const idle = spansOf(...toWork, step('export'), ended('failed', 'model-failed', 'k'), {
      state: 'failed',
      exitCode: 1,
    });
    expect(idle).toMatchObject({ work: { status: 'error', message: 'model-failed' }, teardown: { status: 'unset' } });
    const hook = spansOf(...toWork, step('stop'), ended('failed', 'after-execute-failed'), {
      state: 'failed',
      exitCode: 1,
    });
    expect(hook).toMatchObject({
      work: { status: 'ok' },
      teardown: { status: 'error', message: 'after-execute-failed' },
    });
  });

  it('calls a cancelled task neither good nor bad', () => {
    const spans = spansOf(...toWork, step('export'), ended('cancelled', 'cancelled', 'enough'), {
      state: 'cancelled',
      exitCode: 3,
    });
    expect(spans).toMatchObject({ task: { status: 'unset' }, work: { status: 'unset' } });
    expect(spans['task']?.attributes).not.toHaveProperty('error.type');
  });

  it('ends what is open when a task ends without a word, and hears nothing after that', () => {
    const spans = spansOf('step', step('probe'), 'closed', { state: 'done' });
    expect(spans).toMatchObject({
      connect: { status: 'error', endedAt: at(3) },
      task: { status: 'error', endedAt: at(3) },
    });
    expect(spansOf('closed')).toMatchObject({ task: { status: 'error' } });
  });
});
