import type { AgentActivity } from '@optio-ts/agents-session';
import type { OpencodeClient, OpencodeEvent } from '@optio-ts/opencode-launcher';

/** Options of `watchActivity`. */
export interface WatchActivityOptions {
  readonly client: Pick<OpencodeClient, 'events'>;
  readonly opencodeSessionId: string;
  /** The model did not answer and is asked again; opencode does so for a minute without a word. */
  readonly onRetry: (message: string) => void;
  /** A turn of the agent is over. */
  readonly onIdle?: () => void;
  readonly abortSignal: AbortSignal;
}

/** What is known of an agent from opencode's own events. Its subagents are its own business. */
export interface ActivityWatch {
  /** For one listener. */
  readonly activity: AsyncIterable<AgentActivity>;
  /** Resolves when the agent's turn is over, or has not begun; and when the watch ends. */
  readonly whenIdle: () => Promise<void>;
}

/**
 * Follows opencode's events until `abortSignal`, or until the server ends, whether anybody listens or not: whether the agent is idle
 * is also asked for when nobody listens any more.
 */
export function watchActivity(options: WatchActivityOptions): ActivityWatch {
  const { client, opencodeSessionId, onRetry, onIdle, abortSignal } = options;
  let isBusy = false;
  let idle = Promise.withResolvers<void>();
  idle.resolve();

  const heed = (activity: AgentActivity): void => {
    if (activity.type === 'busy' && !isBusy) idle = Promise.withResolvers<void>();
    if (activity.type === 'idle' && isBusy) onIdle?.();
    isBusy = activity.type === 'busy' || (isBusy && activity.type !== 'idle');
    if (!isBusy) idle.resolve();
  };

  const told: AgentActivity[] = [];
  let ending: { readonly error?: unknown } | undefined;
  let wake = (): void => undefined;
  const follow = async (): Promise<void> => {
    for await (const event of client.events({ abortSignal })) {
      const activity = readActivity(event, opencodeSessionId);
      if (activity === undefined) continue;
      const retry = readRetry(event);
      if (retry !== undefined) onRetry(retry);
      heed(activity);
      told.push(activity);
      wake();
    }
  };
  void follow()
    .then(
      () => {
        ending = {};
      },
      (error: unknown) => {
        ending = { error };
      },
    )
    .finally(() => {
      idle.resolve();
      wake();
    });

  async function* listen(): AsyncGenerator<AgentActivity, void, undefined> {
    for (;;) {
      const activity = told.shift();
      if (activity !== undefined) yield activity;
      else if (ending === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if ('error' in ending) throw ending.error;
      else return;
    }
  }
  return { activity: listen(), whenIdle: () => idle.promise };
}

/** What one event says about the agent of a session; `undefined` for one that says nothing. */
export function readActivity(event: OpencodeEvent, opencodeSessionId: string): AgentActivity | undefined {
  const { type, properties } = event;
  // A request of a subagent blocks the agent as well as one of its own.
  if (type === 'permission.asked') {
    return {
      type: 'waiting',
      reason: `The agent asks for permission: ${textIn(properties, 'permission') ?? 'unnamed'}`,
    };
  }
  if (type === 'question.asked') return { type: 'waiting', reason: 'The agent asks a question' };
  if (event.sessionId !== opencodeSessionId) return undefined;
  switch (type) {
    case 'session.idle':
      return { type: 'idle' };
    case 'session.status':
      return textIn(properties['status'], 'type') === 'idle' ? { type: 'idle' } : { type: 'busy' };
    case 'session.error': {
      const error = properties['error'];
      // Aborting is what somebody did, not what went wrong.
      if (textIn(error, 'name') === 'MessageAbortedError') return undefined;
      const data = isRecord(error) ? error['data'] : undefined;
      return { type: 'failed', message: textIn(data, 'message') ?? textIn(error, 'name') ?? 'without a message' };
    }
    default:
      return undefined;
  }
}

function readRetry({ type, properties }: OpencodeEvent): string | undefined {
  const status = properties['status'];
  if (type !== 'session.status' || textIn(status, 'type') !== 'retry') return undefined;
  return textIn(status, 'message') ?? 'without a message';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function textIn(value: unknown, key: string): string | undefined {
  const text = isRecord(value) ? value[key] : undefined;
  return typeof text === 'string' && text !== '' ? text : undefined;
}
