import type { KeywordName } from '@optio-ts/agents-prompt';

import type { AgentMail } from './agent-mail.ts';
import { within } from './bounded.ts';
import { createDeliverables } from './deliverables.ts';
import { messageOf } from './errors.ts';
import type { Deliverable, LogPosition } from './events.ts';
import { followLog } from './follow-log.ts';
import { createLogDispatcher } from './log-dispatcher.ts';
import type { Verdict } from './log-dispatcher.ts';
import { createOffsetSaver } from './offset-saver.ts';
import { OffsetTracker } from './offset-tracker.ts';
import type { SessionKit } from './session-kit.ts';

const SAVE_OFFSET_MS = 10_000;

const REPLACED =
  'The log was replaced while nobody could read it. It is read from its start; lines that came and went meanwhile are not known';

/** What the log of a session needs beside the kit. */
export interface SessionLogOptions {
  readonly mail: AgentMail;
  /** The caller's hook. `abortSignal` is aborted when it is given up. */
  readonly onDeliverable:
    | ((deliverable: Deliverable, abortSignal: AbortSignal) => Promise<string | undefined>)
    | undefined;
}

/** The log of a running session, with everything that comes out of it. */
export interface SessionLog {
  /** A keyword that ends sessions, when a line nearly was one. */
  readonly nearMiss: KeywordName | undefined;
  /** Starts reading. */
  start(): void;
  /** Says that nothing more is written: reads to the end. Resolves with whether it got there within `limitMs`. */
  readToEnd(limitMs: number): Promise<boolean>;
  /** Reads no further, lets the hook finish, tells the verdict. */
  finish(): Promise<void>;
  /** Lets listeners finish reading deliverables. */
  drainListeners(): Promise<void>;
  /** Saves the position a last time. */
  close(): Promise<void>;
  /** Lets go of everything at once: the session is another worker's. */
  abandon(): void;
}

/** Creates the log of one session. */
export function createSessionLog(kit: SessionKit, { mail, onDeliverable }: SessionLogOptions): SessionLog {
  const { options, stream, endings, limits } = kit;
  const { host, workspace, protocol, log, logPollMs, reconnectLimitMs = 300_000 } = options;
  const reading = new AbortController();
  const handling = new AbortController();
  const end = Promise.withResolvers<void>();
  const tracker = new OffsetTracker();
  let following = Promise.resolve();
  let hasEnded = false;
  let nearMiss: KeywordName | undefined;
  let verdict: { readonly entry: Verdict; readonly position: LogPosition } | undefined;
  let deliveredCount = 0;

  const { decided } = options;
  const isAsDecided = (entry: Verdict): boolean => decided === undefined || decided.reason === `agent-${entry.type}`;
  const offsets = createOffsetSaver({
    take: () => tracker.take(stream.handled),
    save: async (position) => options.onOffset?.(position),
    onFailure: (message) => kit.warn('OFFSET_NOT_SAVED', `The position in the log was not saved: ${message}`),
  });
  const stopSaving = stream.onHandled(() => {
    offsets.poke();
    kit.notifyChange();
  });
  const deliverables = createDeliverables({
    host,
    workdir: workspace.workdir,
    maxBytes: options.maxDeliverableBytes ?? 2 ** 30,
    reconnectLimitMs,
    onUnreachable: (error) => {
      const message = `A deliverable cannot be looked at any more: ${messageOf(error)}`;
      endings.add({ type: 'log-lost', message, error });
    },
    mail,
    answerAccepted: options.answerAccepted ?? false,
    abortSignal: reading.signal,
    onChange: () => kit.notifyChange(),
    handle: onDeliverable && (async (deliverable) => onDeliverable(deliverable, handling.signal)),
    emit: (position, body) => {
      stream.emitLogged(position, body);
      if (body.type === 'deliverable') deliveredCount = stream.count;
    },
  });
  const dispatcher = createLogDispatcher({
    protocol,
    stream,
    tracker,
    deliverables,
    onSettled: () => offsets.poke(),
    onNearMiss: (resembles) => {
      nearMiss = resembles;
    },
    onVerdict: (entry, position) => {
      verdict = { entry, position };
      endings.add(entry);
    },
  });

  return {
    get nearMiss() {
      return nearMiss;
    },
    start: () => {
      following = followLog({
        host,
        workdir: workspace.workdir,
        from: log ?? { generation: 0, offset: 0 },
        until: end.promise,
        abortSignal: reading.signal,
        reconnectLimitMs,
        pollMs: logPollMs,
        onLine: (line) => dispatcher.take(line),
        onInterruption: (message) => kit.warn('LOG_INTERRUPTED', `The log is out of reach, trying again: ${message}`),
        onReplaced: () => kit.warn('LOG_REPLACED', REPLACED),
      })
        .then(() => dispatcher.settled())
        .then(
          () => {
            if (hasEnded || verdict !== undefined || reading.signal.aborted) return;
            endings.add({ type: 'log-lost', message: 'The log ended while the agent still ran' });
          },
          (error: unknown) => {
            endings.add({ type: 'log-lost', message: `The log cannot be read any more: ${messageOf(error)}`, error });
          },
        );
    },
    readToEnd: async (limitMs) => {
      hasEnded = true;
      deliverables.admitAll();
      end.resolve();
      return (await within(following, limitMs)) !== undefined;
    },
    finish: async () => {
      reading.abort(new Error('The session has ended'));
      const stopped = await within(following, limits.cancelDrainMs);
      if (stopped === undefined) kit.fail('log', 'the reading did not stop in time');
      await kit.drain('onDeliverable', () => deliverables.queued === 0);
      deliverables.close();
      handling.abort(new Error('The session has ended'));
      // The verdict comes after what was handed over before it. One that came after a cancel is none.
      const [first] = endings.list;
      if (verdict !== undefined && (first?.type === 'done' || first?.type === 'error') && isAsDecided(verdict.entry)) {
        stream.emitLogged(verdict.position, verdict.entry);
      }
    },
    drainListeners: async () =>
      kit.drain('deliverables', () => deliverables.reading === 0 && stream.handled >= deliveredCount),
    close: async () => {
      await kit.step('saving the log position', SAVE_OFFSET_MS, async () => offsets.flush());
      stopSaving();
    },
    abandon: () => {
      const reason = new Error('The session is not of this worker any more');
      stopSaving();
      reading.abort(reason);
      deliverables.close();
      handling.abort(reason);
    },
  };
}
