import type { AgentActivity } from '@optio-ts/agents-session';
import type { OpencodeClient, OpencodeEvent } from '@optio-ts/opencode-launcher';

/** opencode's name for the error of a turn that somebody ended. */
const ABORTED = 'MessageAbortedError';

/** Options of `watchActivity`. */
export interface WatchActivityOptions {
  readonly client: Pick<OpencodeClient, 'events' | 'messages' | 'status'>;
  readonly opencodeSessionId: string;
  /** Hears every event first. */
  readonly onEvent?: (event: OpencodeEvent) => void;
  /** The model did not answer and is asked again; opencode does so for a minute without a word. */
  readonly onRetry: (message: string) => void;
  /** A turn of the agent is over. */
  readonly onIdle?: () => void;
  /** Milliseconds without any sign of a busy agent after which it counts as stuck, and a person is called. */
  readonly stallLimitMs: number;
  /** The agent was at work before anybody watched: what it does now is asked for. @default false */
  readonly isAdopted?: boolean;
  readonly abortSignal: AbortSignal;
}

/** What is known of an agent from opencode's own events. Its subagents are its own business. */
export interface ActivityWatch {
  /** For one listener. */
  readonly activity: AsyncIterable<AgentActivity>;
  /** Resolves when the agent's turn is over, or has not begun; and when the watch ends. */
  readonly whenIdle: () => Promise<void>;
  /** A person begins or ends to drive the agent. */
  readonly attend: (change: 'begin' | 'end') => void;
  /** Whether no turn of the agent is under way. */
  readonly isIdle: () => boolean;
  /** What the model failed with last; `undefined` when something else has come from it since. */
  readonly modelFailure: () => string | undefined;
}

/**
 * Follows opencode's events until `abortSignal`, or until the server ends, whether anybody listens or not: whether the agent is idle
 * is also asked for when nobody listens any more.
 */
export function watchActivity(options: WatchActivityOptions): ActivityWatch {
  const { client, opencodeSessionId, onEvent, onRetry, onIdle, stallLimitMs, isAdopted = false, abortSignal } = options;
  let isBusy = isAdopted;
  let modelFailure: string | undefined;
  let idle = Promise.withResolvers<void>();
  if (!isAdopted) idle.resolve();

  const heed = (activity: AgentActivity): void => {
    if (activity.type === 'busy' && !isBusy) idle = Promise.withResolvers<void>();
    if (activity.type === 'idle' && isBusy) onIdle?.();
    isBusy = activity.type === 'busy' || (isBusy && activity.type !== 'idle');
    if (!isBusy) idle.resolve();
  };

  const told: AgentActivity[] = [];
  let ending: { readonly error?: unknown } | undefined;
  let wake = (): void => undefined;
  const tell = (activity: AgentActivity): void => {
    if (activity.type === 'failed') modelFailure = activity.message;
    heed(activity);
    told.push(activity);
    wake();
  };
  let stall: NodeJS.Timeout | undefined;
  /** The agent has shown a sign of life: its clock begins anew. A heartbeat of the server is none. */
  const watchStall = (): void => {
    clearTimeout(stall);
    if (!isBusy || abortSignal.aborted) return;
    const reason = `The agent has shown no sign of life for ${Math.round(stallLimitMs / 1000)} s: a model or a command may hang`;
    stall = setTimeout(() => tell({ type: 'waiting', reason }), stallLimitMs);
    stall.unref();
  };
  const follow = async (): Promise<void> => {
    let isFirst = !isAdopted;
    for await (const event of client.events({ abortSignal })) {
      onEvent?.(event);
      if (event.sessionId !== undefined) watchStall();
      if (event.type === 'server.connected') {
        // What the agent did while nobody heard it is asked for.
        if (!isFirst) for (const activity of await missedActivity(client, opencodeSessionId, isBusy)) tell(activity);
        isFirst = false;
      }
      if (isAnswer(event, opencodeSessionId)) modelFailure = undefined;
      const activity = readActivity(event, opencodeSessionId);
      if (activity === undefined) continue;
      const retry = readRetry(event);
      if (retry !== undefined) {
        modelFailure = retry;
        onRetry(retry);
      }
      tell(activity);
      watchStall();
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
      clearTimeout(stall);
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
  return {
    activity: listen(),
    whenIdle: () => idle.promise,
    attend: (change) => tell({ type: 'attended', isAttended: change === 'begin' }),
    isIdle: () => !isBusy,
    modelFailure: () => modelFailure,
  };
}

/** What one event says about the agent of a session; `undefined` for one that says nothing. */
export function readActivity(event: OpencodeEvent, opencodeSessionId: string): AgentActivity | undefined {
  const { type, properties } = event;
  if (event.sessionId !== opencodeSessionId) return undefined;
  switch (type) {
    case 'session.idle':
      return { type: 'idle' };
    case 'session.status':
      return textIn(properties['status'], 'type') === 'idle' ? { type: 'idle' } : { type: 'busy' };
    case 'session.error': {
      const error = properties['error'];
      // Aborting is what somebody did, not what went wrong.
      if (textIn(error, 'name') === ABORTED) return undefined;
      const data = isRecord(error) ? error['data'] : undefined;
      return readFailure(textIn(data, 'message') ?? textIn(error, 'name') ?? 'without a message');
    }
    default:
      return undefined;
  }
}

/** opencode tells of a model that nobody has twice, the second time with its own stack behind the message. */
const NO_MODEL = /^(?:ProviderModelNotFoundError: )?(Model not found: .*)/;
const STACK = /\n\s+at [^]*/;

function readFailure(text: string): AgentActivity {
  const [, missing] = NO_MODEL.exec(text) ?? [];
  return missing === undefined
    ? { type: 'failed', message: text.replace(STACK, '') }
    : { type: 'failed', message: missing, isLasting: true };
}

/** What became of the agent during an interruption, as far as it still matters. */
async function missedActivity(
  client: Pick<OpencodeClient, 'messages' | 'status'>,
  opencodeSessionId: string,
  wasBusy: boolean,
): Promise<readonly AgentActivity[]> {
  const isBusy = (await client.status()).has(opencodeSessionId);
  if (isBusy === wasBusy) return [];
  if (isBusy) return [{ type: 'busy' }];
  const error = (await client.messages(opencodeSessionId, { limit: 1 })).at(-1)?.error;
  const isFailed = error !== undefined && error.name !== ABORTED;
  return [...(isFailed ? [readFailure(error.message)] : []), { type: 'idle' }];
}

/** Whether an event shows that the model has answered: a part of its message has content. */
function isAnswer({ type, sessionId, properties }: OpencodeEvent, opencodeSessionId: string): boolean {
  if (type !== 'message.part.updated' || sessionId !== opencodeSessionId) return false;
  const kind = textIn(properties['part'], 'type');
  return kind === 'reasoning' || kind === 'tool' || kind === 'step-finish';
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
