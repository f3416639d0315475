import type { Host } from '@optio-ts/host-core';
import type { Cipher, SessionDocument, Store } from '@optio-ts/seed-engine';

import type { OpencodeSession } from './opencode-session.ts';
import type { StartOpencodeSessionOptions } from './options.ts';

type Given =
  | 'abortSignal'
  | 'cipher'
  | 'config'
  | 'files'
  | 'host'
  | 'leaseMs'
  | 'login'
  | 'message'
  | 'owner'
  | 'resume'
  | 'store'
  | 'task'
  | 'taskId';

/** What of a session's options cannot be written down, to be given again: hooks and other functions, where opencode comes from. */
export type RecoveredSessionOptions = Partial<Omit<StartOpencodeSessionOptions, Given>>;

/** Options of `recoverOpencodeSessions`. */
export interface RecoverOpencodeSessionsOptions {
  /** Where the session documents are. Stays the caller's. */
  readonly store: Store;
  /** Opens what the sessions have sealed. */
  readonly cipher: Cipher;
  /**
   * The machine of a session, by its document (`host` is the description of the one it was started on); `undefined` leaves the session
   * alone. Stays the caller's.
   */
  readonly hostFor: (session: SessionDocument) => Host | undefined | Promise<Host | undefined>;
  /** What cannot be written down of a session's options. @default none: no hooks */
  readonly optionsFor?: (session: SessionDocument) => RecoveredSessionOptions | Promise<RecoveredSessionOptions>;
  /** Only these. @default all that have not ended */
  readonly sessionIds?: readonly string[];
  /** As for `startOpencodeSession`: sessions of an owner of this name are taken whether their lease is over or not. */
  readonly owner?: string;
  /** @default 60_000 */
  readonly leaseMs?: number;
  /** Ends the looking; sessions that were taken up by then go on. */
  readonly abortSignal?: AbortSignal;
}

/** What became of a session that was found. */
export type RecoveredSession = RecoveredSessionInfo &
  (
    | { readonly action: 'adopt' | 'finish' | 'forget'; readonly session: OpencodeSession }
    | { readonly action: 'leave'; readonly reason: string }
  );

/** Which session it is. */
interface RecoveredSessionInfo {
  readonly sessionId: string;
  readonly taskId: string;
}
