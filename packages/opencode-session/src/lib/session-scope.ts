import { createEventStream } from '@optio-ts/agents-session';
import type { EventBody, EventStream } from '@optio-ts/agents-session';
import type { Workspace } from '@optio-ts/host-core';

import type { OpencodeSessionEvent } from './events.ts';
import type { OpencodeAgent } from './launch-agent.ts';
import type { LeftBehind } from './left-behind.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import { SessionKeeper } from './session-keeper.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionSeed } from './session-seed.ts';

/** What there is of one session, so that it can be ended from wherever it stands. */
export interface SessionScope {
  readonly options: StartOpencodeSessionOptions;
  /** 24 hex digits. */
  readonly id: string;
  /** Of the session's owner: 1 for its first one. */
  readonly fencing: number;
  readonly stream: EventStream<OpencodeSessionEvent>;
  readonly emit: (body: EventBody<OpencodeSessionEvent>) => void;
  readonly keeper: SessionKeeper;
  /** Aborted when the session is to end in good order. */
  readonly stop: AbortController;
  /** By `performance.now()`. */
  readonly startedAt: number;
  isDeadlineOver: boolean;
  /** What a worker before this one has left; `undefined` for a session that begins here. */
  recovery: LeftBehind | undefined;
  record: SessionRecord | undefined;
  workspace: Workspace | undefined;
  agent: OpencodeAgent | undefined;
  seed: SessionSeed | undefined;
}

/** Opens the scope of a session that has nothing yet. */
export function createSessionScope(
  options: StartOpencodeSessionOptions,
  { id, fencing }: { readonly id: string; readonly fencing: number },
): SessionScope {
  const stream = createEventStream<OpencodeSessionEvent>({ sessionId: id, fencing });
  const emit = (body: EventBody<OpencodeSessionEvent>): void => void stream.emit(body);
  const scope: SessionScope = {
    options,
    id,
    fencing,
    stream,
    emit,
    keeper: new SessionKeeper({
      options,
      emit,
      sessionId: id,
      confirm: async (confirming) => scope.record?.lease.confirm(confirming),
    }),
    stop: new AbortController(),
    startedAt: performance.now(),
    isDeadlineOver: false,
    recovery: undefined,
    record: undefined,
    workspace: undefined,
    agent: undefined,
    seed: undefined,
  };
  return scope;
}
