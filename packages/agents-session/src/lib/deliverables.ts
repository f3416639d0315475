import { DELIVERABLES_DIRECTORY } from '@optio-ts/agents-prompt';
import { isLinkFault } from '@optio-ts/host-core';
import type { Bytes, Host } from '@optio-ts/host-core';

import type { AgentMail } from './agent-mail.ts';
import { createCheckBatch } from './check-batch.ts';
import type { CheckResult } from './check-batch.ts';
import { messageOf } from './errors.ts';
import type {
  AgentEvent,
  Deliverable,
  DeliverableContentOptions,
  DeliverableRefusal,
  EventBody,
  LogPosition,
} from './events.ts';
import { describeRefusal, readCheckedFile } from './open-checked-file.ts';
import { readAcrossLinks } from './read-across-links.ts';

/** Options of `createDeliverables`. */
export interface CreateDeliverablesOptions {
  readonly host: Host;
  readonly workdir: string;
  readonly maxBytes: number;
  /** Milliseconds without a link after which a file cannot be looked at any more. */
  readonly reconnectLimitMs: number;
  /** Told then. The file is not settled: whoever goes on with the session takes it up. */
  readonly onUnreachable: (error: unknown) => void;
  /** The caller's hook, with its context. Absent: nothing to wait for. */
  readonly handle: ((deliverable: Deliverable) => Promise<string | undefined>) | undefined;
  readonly emit: (position: LogPosition, body: EventBody<AgentEvent>) => void;
  readonly mail: AgentMail;
  readonly answerAccepted: boolean;
  /** Aborted when the log is read no further: what has not been checked by then is not settled. */
  readonly abortSignal: AbortSignal;
  /** Told after every change: a byte read, a file handled. */
  readonly onChange: () => void;
}

/** The files that an agent hands over: checked in the order of the log, then given to the hook one at a time. */
export interface Deliverables {
  /** Files that the hook has not finished. */
  readonly queued: number;
  /** Contents that somebody reads. */
  readonly reading: number;
  /** Looks at a file, together with others that are asked for in the same moment. */
  check(path: string): Promise<CheckResult>;
  /** Rejects a file or queues it. Resolves when the log may go on; `onSettled` is called when it needs no more work. */
  take(position: LogPosition, path: string, found: CheckResult, onSettled: () => void): Promise<void>;
  /** Nothing more is written: what is left of the log need not wait for the hook, and its end is heard. */
  admitAll(): void;
  /** Gives up what is queued. */
  close(): void;
}

/** As many files may wait for the hook before the log has to. */
const MAX_QUEUED = 64;
const MAX_QUEUED_AT_END = 65_536;

const CHECK_MS = 30_000;

/** Creates the line that an agent's files pass through. */
export function createDeliverables(options: CreateDeliverablesOptions): Deliverables {
  const { host, workdir, maxBytes, handle, emit, mail, onChange } = options;
  let queued = 0;
  let reading = 0;
  let isClosed = false;
  let mostQueued = MAX_QUEUED;
  const request = { directory: workdir, below: `/${DELIVERABLES_DIRECTORY}`, maxBytes, timeoutMs: CHECK_MS };
  let tail: Promise<void> = Promise.resolve();
  let waiters: (() => void)[] = [];

  const wakeAll = (): void => {
    for (const wake of waiters) wake();
    waiters = [];
  };
  options.abortSignal.addEventListener('abort', wakeAll, { once: true });
  const changeQueue = (by: number): void => {
    queued += by;
    wakeAll();
    onChange();
  };

  const reject = (position: LogPosition, path: string, refusal: DeliverableRefusal, reason: string): void => {
    emit(position, { type: 'deliverable-rejected', path, refusal, reason });
    // Trouble of the harness is nothing the agent could put right.
    if (refusal !== 'hook-failed' && refusal !== 'link-lost') mail.answer({ path, reason });
  };

  const accept = (position: LogPosition, deliverable: Deliverable): void => {
    emit(position, { type: 'deliverable', ...deliverable });
    if (options.answerAccepted) mail.answer({ path: deliverable.path, reason: undefined });
  };

  async function* countReads(content: Bytes): Bytes {
    reading += 1;
    try {
      for await (const chunk of content) {
        yield chunk;
        onChange();
      }
    } finally {
      reading -= 1;
      onChange();
    }
  }

  const work = async (position: LogPosition, deliverable: Deliverable): Promise<void> => {
    if (isClosed || handle === undefined) return;
    try {
      const answer = await handle(deliverable);
      if (isClosed) return;
      accept(position, deliverable);
      if (answer !== undefined && answer !== '') mail.say(answer);
    } catch (error) {
      if (isClosed) return;
      const refusal = isLinkFault(error) ? 'link-lost' : 'hook-failed';
      reject(position, deliverable.path, refusal, `onDeliverable callback raised: ${messageOf(error)}`);
    }
  };

  return {
    get queued() {
      return queued;
    },
    get reading() {
      return reading;
    },
    admitAll: () => {
      mostQueued = MAX_QUEUED_AT_END;
      wakeAll();
    },
    close: () => {
      isClosed = true;
      wakeAll();
    },
    check: createCheckBatch({
      host,
      request,
      reconnectLimitMs: options.reconnectLimitMs,
      abortSignal: options.abortSignal,
    }),
    take: async (position, path, found, onSettled) => {
      if ('error' in found) {
        // Not settled: the next worker is to take it up again.
        if (options.abortSignal.aborted) return;
        if (isLinkFault(found.error)) {
          options.onUnreachable(found.error);
          return;
        }
        reject(position, path, 'check-failed', `fetch failed, it cannot be checked: ${messageOf(found.error)}`);
        onSettled();
        return;
      }
      if (!found.isAccepted) {
        reject(position, path, found.refusal, describeRefusal(found.refusal, maxBytes, found.sizeBytes));
        onSettled();
        return;
      }
      const { name, sizeBytes } = found;
      const deliverable: Deliverable = {
        path,
        name,
        sizeBytes,
        content: (contentOptions: DeliverableContentOptions = {}) =>
          countReads(
            readAcrossLinks(() => readCheckedFile(host, { ...request, path, ...contentOptions }), {
              path,
              ...contentOptions,
            }),
          ),
      };
      if (handle === undefined) {
        accept(position, deliverable);
        onSettled();
        return;
      }
      while (queued >= mostQueued && !isClosed) {
        if (options.abortSignal.aborted) return;
        await new Promise<void>((resolve) => {
          waiters.push(resolve);
        });
      }
      changeQueue(1);
      tail = tail.then(async () => {
        await work(position, deliverable);
        // Not settled when given up: the next worker is to take it up again.
        if (!isClosed) onSettled();
        changeQueue(-1);
      });
    },
  };
}
