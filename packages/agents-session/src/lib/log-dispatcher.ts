import type { KeywordName, LogEntry, LogProtocol } from '@optio-ts/agents-prompt';
import type { FollowedLine } from '@optio-ts/host-core';

import type { Deliverables } from './deliverables.ts';
import type { AgentEvent, EventBody, LogPosition } from './events.ts';
import { createInOrder } from './in-order.ts';
import type { OffsetTracker } from './offset-tracker.ts';
import type { SessionKit } from './session-kit.ts';

/** An entry that ends a session. */
export type Verdict = Extract<LogEntry, { readonly type: 'done' | 'error' }>;

/** Options of `createLogDispatcher`. */
export interface CreateLogDispatcherOptions {
  readonly protocol: LogProtocol;
  readonly stream: Pick<SessionKit['stream'], 'count' | 'emitLogged'>;
  readonly tracker: OffsetTracker;
  readonly deliverables: Deliverables;
  readonly onVerdict: (verdict: Verdict, position: LogPosition) => void;
  /** Told of a line that nearly was a DONE or ERROR, and with `undefined` of every other. */
  readonly onNearMiss: (resembles: KeywordName) => void;
  /** Told when lines have been settled. */
  readonly onSettled: () => void;
}

/** Makes events from the lines of a log. */
export interface LogDispatcher {
  /** Takes the lines in order. Resolves with whether the line ends the session. */
  take(line: FollowedLine): Promise<boolean>;
  /** Resolves when every line so far has had its event, or is with the hook. */
  settled(): Promise<void>;
}

/** Lines with so many characters, roughly, may wait for a deliverable before them to be looked at. */
const MAX_WAITING = 1_000_000;
/** What a line takes beside its characters. */
const LINE_WEIGHT = 200;

/**
 * Creates the dispatcher of one log. Events come in the order of the log; a deliverable has to be looked at first, and those of
 * the lines behind it are looked at meanwhile.
 */
export function createLogDispatcher(options: CreateLogDispatcherOptions): LogDispatcher {
  const { protocol, stream, tracker, deliverables, onVerdict, onNearMiss, onSettled } = options;
  const order = createInOrder(MAX_WAITING);
  const take = async ({
    line,
    generation,
    offset,
    nextOffset,
    fingerprint,
    isTruncated,
  }: FollowedLine): Promise<boolean> => {
    const position = { generation, offset };
    const entry = protocol.parseLine(line, { isTruncated });
    if (entry.type === 'done' || entry.type === 'error') {
      // A hook that hangs must not keep it from being heard.
      deliverables.admitAll();
      await order.idle();
      // Not tracked: whoever starts again before the session has ended must read this line again.
      onVerdict(entry, position);
      return true;
    }
    const weight = line.length + LINE_WEIGHT;
    const tracked = tracker.add({ generation, offset: nextOffset, fingerprint });
    const settle = (): void => {
      tracked.settle(stream.count);
      onSettled();
    };
    if (entry.type === 'deliverable') {
      const { path } = entry;
      const checked = deliverables.check(path);
      order.addSlow(async () => deliverables.take(position, path, await checked, settle), weight);
    } else {
      order.add(() => {
        if (entry.type === 'unknown' && (entry.resembles === 'DONE' || entry.resembles === 'ERROR')) {
          onNearMiss(entry.resembles);
        }
        const body = toEvent(entry);
        if (body !== undefined) stream.emitLogged(position, body);
        settle();
      }, weight);
    }
    await order.room();
    return false;
  };
  return { take, settled: () => order.idle() };
}

function toEvent(
  entry: Exclude<LogEntry, Verdict | { readonly type: 'deliverable' }>,
): EventBody<AgentEvent> | undefined {
  switch (entry.type) {
    case 'unknown': {
      const { text, resembles } = entry;
      return text === '' ? undefined : { type: 'log', text, ...(resembles !== undefined && { resembles }) };
    }
    case 'browser':
      // Listeners open these. A script, a file or a custom scheme must not reach their machine as a link.
      return isWebAddress(entry.url) ? entry : { type: 'log', text: `BROWSER: ${entry.url}`, resembles: 'BROWSER' };
    case 'status':
    case 'attention':
    case 'domain-message':
      return entry;
    default:
      return entry satisfies never;
  }
}

function isWebAddress(url: string): boolean {
  return /^https?:$/.test(URL.parse(url)?.protocol ?? '');
}
