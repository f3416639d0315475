import type { OpencodeSessionEvent } from '@optio-ts/opencode-session';

import type { TaskSummary } from '../report/reporter.ts';

/** What a span says of itself. No word of it comes from an agent. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** One step of a task that is over. */
export interface StepSpan {
  /** `task` for all of it, which the others lie in. */
  readonly name: StepName;
  /** The step that it is a part of; `undefined` for `task`. */
  readonly parent: StepName | undefined;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly status: 'ok' | 'error' | 'unset';
  /** Why it failed, for people. */
  readonly message?: string;
  readonly attributes: SpanAttributes;
  readonly events: readonly { readonly name: string; readonly at: Date; readonly attributes: SpanAttributes }[];
}

/** The steps of a task, in their order; `export`, `stop` and `keep` are parts of `teardown`. */
type StepName = 'task' | Phase | Part;
type Phase = 'files' | 'connect' | 'install' | 'prepare' | 'launch' | 'work' | 'teardown';
type Part = 'export' | 'stop' | 'keep';

/** What is heard of a task. */
export type TraceEntry =
  | { readonly kind: 'event'; readonly event: OpencodeSessionEvent }
  /** Something of ours is under way before there is a session. */
  | { readonly kind: 'step'; readonly at: Date }
  | { readonly kind: 'summary'; readonly at: Date; readonly summary: TaskSummary }
  /** It ended without a summary. */
  | { readonly kind: 'closed'; readonly at: Date };

type OpenSpan = Omit<StepSpan, 'endedAt' | 'status'>;

/** A task as far as it has come. */
export interface TraceState {
  readonly task: OpenSpan;
  readonly phase: OpenSpan | undefined;
  readonly part: OpenSpan | undefined;
  /** The phase that the outcome will judge: the last one before the teardown. */
  readonly unjudged: Omit<StepSpan, 'status'> | undefined;
  readonly isOver: boolean;
}

const ORDER: readonly Phase[] = ['files', 'connect', 'install', 'prepare', 'launch', 'work', 'teardown'];

/** Which phase the steps of `progress` events stand for. Those of an installer are also said by hooks, but later. */
const PHASE_OF_STEP: Readonly<Record<string, Phase>> = {
  probe: 'connect',
  check: 'install',
  wait: 'install',
  download: 'install',
  verify: 'install',
  evict: 'install',
  ready: 'install',
  prepare: 'prepare',
  launch: 'launch',
  export: 'teardown',
  stop: 'teardown',
  keep: 'teardown',
};
const PARTS: ReadonlySet<string> = new Set<Part>(['export', 'stop', 'keep']);

/** Ends whose message is in our words; those of the others are an agent's, a model's or a program's, and may repeat a secret. */
const OWN_WORDS: ReadonlySet<string> = new Set([
  'agent-idle',
  'deadline',
  'log-lost',
  'agent-lost',
  'taken-over',
  'owner-unknown',
  'setup-failed',
]);
const MAX_MESSAGE_LENGTH = 300;

/** A task that begins. */
export function beginTrace(at: Date, attributes: SpanAttributes): TraceState {
  const task: OpenSpan = { name: 'task', parent: undefined, startedAt: at, attributes, events: [] };
  return { task, phase: undefined, part: undefined, unjudged: undefined, isOver: false };
}

/** What a task has come to with one more entry, and the spans that are over with it. Pure. */
export function traceEntry(
  state: TraceState,
  entry: TraceEntry,
): { readonly state: TraceState; readonly ended: readonly StepSpan[] } {
  if (state.isOver) return { state, ended: [] };
  switch (entry.kind) {
    case 'step':
      return enter(state, 'files', entry.at);
    case 'event':
      return heard(state, entry.event);
    case 'summary':
    case 'closed':
      return close(state, entry);
  }
}

interface Traced {
  readonly state: TraceState;
  readonly ended: readonly StepSpan[];
}

function heard(state: TraceState, event: OpencodeSessionEvent): Traced {
  const { at } = event;
  const task = withAttributes(state.task, { 'optio.session.id': event.sessionId });
  const known = { ...state, task };
  switch (event.type) {
    case 'progress': {
      const phase = PHASE_OF_STEP[event.step];
      const moved = phase === undefined ? still(known) : enter(known, phase, at);
      return PARTS.has(event.step) ? enterPart(moved, event.step as Part, at) : moved;
    }
    case 'live': {
      const about = { 'opencode.version': event.version, 'optio.confined': event.isConfined };
      const launched = known.phase?.name === 'launch' ? { ...known, phase: withAttributes(known.phase, about) } : known;
      return enter(launched, 'work', at);
    }
    case 'done':
    case 'error':
      return enter(known, 'teardown', at);
    case 'deliverable':
      return still(note(known, 'deliverable', at, { 'optio.size_bytes': event.sizeBytes }));
    case 'deliverable-rejected':
      return still(note(known, 'deliverable-rejected', at, { 'optio.refusal': event.refusal }));
    case 'warning':
      return still(note(known, 'warning', at, { 'optio.code': event.code }));
    case 'attention':
      return still(note(known, 'attention', at, {}));
    case 'seed-saved':
    case 'seed-updated':
      return still(note(known, event.type, at, { 'optio.seed.id': event.seedId }));
    case 'snapshot-saved':
      return still(note(known, event.type, at, { 'optio.snapshot.id': event.snapshotId }));
    case 'ended':
      return judge(known, event);
    case 'browser':
    case 'domain-message':
    case 'log':
    case 'permission-asked':
    case 'question-asked':
    case 'request-settled':
    case 'status':
      return still(known);
  }
}

/** A phase begins, and with it the one before is over. None comes twice, and none after a later one. */
function enter(state: TraceState, name: Phase, at: Date): Traced {
  const { phase } = state;
  if (phase !== undefined && ORDER.indexOf(name) <= ORDER.indexOf(phase.name as Phase)) return still(state);
  const next: OpenSpan = { name, parent: 'task', startedAt: at, attributes: {}, events: [] };
  const entered = { ...state, phase: next };
  if (phase === undefined) return still(entered);
  // How it went is known when the session has ended.
  if (name === 'teardown') return still({ ...entered, unjudged: { ...phase, endedAt: at } });
  return { state: entered, ended: [{ ...phase, endedAt: at, status: 'unset' }] };
}

function enterPart({ state, ended }: Traced, name: Part, at: Date): Traced {
  if (state.phase?.name !== 'teardown' || state.part?.name === name) return { state, ended };
  const part: OpenSpan = { name, parent: 'teardown', startedAt: at, attributes: {}, events: [] };
  return { state: { ...state, part }, ended: [...ended, ...partOver(state, at)] };
}

function judge(state: TraceState, { at, outcome }: OpencodeSessionEvent & { readonly type: 'ended' }): Traced {
  const { phase, task, unjudged } = state;
  const { message, problems, reason } = outcome;
  const hasFailed = outcome.state === 'failed' || outcome.state === 'lost';
  const words = hasFailed && OWN_WORDS.has(reason) ? firstLine(message) : reason;
  const judged = hasFailed
    ? { status: 'error' as const, message: words }
    : { status: outcome.state === 'done' ? ('ok' as const) : ('unset' as const) };
  const isEndAtFault = reason === 'after-execute-failed';
  const ended: StepSpan[] = [];
  if (unjudged !== undefined) ended.push({ ...unjudged, ...(isEndAtFault ? { status: 'ok' } : judged) });
  ended.push(...partOver(state, at));
  if (phase !== undefined) {
    const told = problems.reduce((span, { step }) => withEvent(span, 'problem', at, { 'optio.step': step }), phase);
    const isAtFault = unjudged === undefined || isEndAtFault;
    ended.push({ ...told, endedAt: at, ...(isAtFault ? judged : { status: 'unset' }) });
  }
  const why = { 'optio.reason': reason, ...(hasFailed && { 'error.type': reason }) };
  const about = { ...withAttributes(task, why), ...(hasFailed && { message: words }) };
  return { state: { ...state, task: about, phase: undefined, part: undefined, unjudged: undefined }, ended };
}

function close(state: TraceState, entry: TraceEntry & { readonly kind: 'summary' | 'closed' }): Traced {
  const { at } = entry;
  const { phase, unjudged } = state;
  const summary = entry.kind === 'summary' ? entry.summary : undefined;
  const isBad =
    summary === undefined || summary.state === 'failed' || summary.state === 'lost' || summary.exitCode === 1;
  const status = isBad ? 'error' : summary.state === 'done' ? 'ok' : 'unset';
  // A session that was left, or killed, has not told its end.
  const ended: StepSpan[] = [];
  if (unjudged !== undefined) ended.push({ ...unjudged, status: 'unset' });
  ended.push(...partOver(state, at));
  if (phase !== undefined) ended.push({ ...phase, endedAt: at, status: isBad ? 'error' : 'unset' });
  const about = summary && {
    'optio.state': summary.state,
    'optio.exit_code': summary.exitCode,
    'optio.deliverables': summary.deliverables.length,
    ...(summary.seedId !== undefined && { 'optio.seed.id': summary.seedId }),
  };
  ended.push({ ...withAttributes(state.task, { ...about }), endedAt: at, status });
  return { state: { ...state, phase: undefined, part: undefined, unjudged: undefined, isOver: true }, ended };
}

function partOver({ part }: TraceState, at: Date): readonly StepSpan[] {
  return part === undefined ? [] : [{ ...part, endedAt: at, status: 'unset' }];
}

function still(state: TraceState): Traced {
  return { state, ended: [] };
}

/** Something happened in the step that is under way. */
function note(state: TraceState, name: string, at: Date, attributes: SpanAttributes): TraceState {
  const { part, phase, task } = state;
  if (part !== undefined) return { ...state, part: withEvent(part, name, at, attributes) };
  if (phase !== undefined) return { ...state, phase: withEvent(phase, name, at, attributes) };
  return { ...state, task: withEvent(task, name, at, attributes) };
}

function withEvent(span: OpenSpan, name: string, at: Date, attributes: SpanAttributes): OpenSpan {
  return { ...span, events: [...span.events, { name, at, attributes }] };
}

function withAttributes(span: OpenSpan, attributes: SpanAttributes): OpenSpan {
  return { ...span, attributes: { ...span.attributes, ...attributes } };
}

function firstLine(message = ''): string {
  return (message.split('\n')[0] ?? '').slice(0, MAX_MESSAGE_LENGTH);
}
