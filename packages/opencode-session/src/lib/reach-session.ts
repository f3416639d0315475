import type { Host } from '@optio-ts/host-core';
import { connectOpencode } from '@optio-ts/opencode-launcher';
import { openSecret } from '@optio-ts/seed-engine';
import type { Cipher, SessionDocument } from '@optio-ts/seed-engine';

import { OpencodeSessionError } from './errors.ts';
import type { OpencodeSession, OpencodeUi } from './opencode-session.ts';
import { readDetails } from './session-details.ts';
import { sessionUrl } from './session-url.ts';

/** Options of `reachOpencodeSession`. */
export interface ReachOpencodeSessionOptions {
  /** The machine that the session runs on. Stays the caller's. */
  readonly host: Host;
  /** Opens what the session has sealed. */
  readonly cipher: Cipher;
  readonly abortSignal?: AbortSignal;
}

/** The agent of a session that another process drives. Disposing lets go of it. */
export interface ReachedOpencodeSession
  extends AsyncDisposable, Pick<OpencodeSession, 'answerPermission' | 'answerQuestion'> {
  /** Its interface, where this machine reaches it now. */
  readonly ui: OpencodeUi;
}

/**
 * Reaches the agent of a session that another process drives, for a person to look at and to answer: nothing is taken from its owner,
 * nothing is started or ended. Throws `NOT_LIVE` for one that has no agent now, `DecryptError`, and what the host throws.
 */
export async function reachOpencodeSession(
  session: SessionDocument,
  { host, cipher, abortSignal }: ReachOpencodeSessionOptions,
): Promise<ReachedOpencodeSession> {
  const details = readDetails(session);
  const password = session.state === 'live' ? await openSecret(cipher, session, 'password') : undefined;
  if (details === undefined || password === undefined) {
    throw new OpencodeSessionError('NOT_LIVE', `Session ${session.id} has no agent: it is not live yet, or over`);
  }
  const directory = `${session.taskDirectory}/workdir`;
  const forward = await host.forwardPort(details.port, { ...(abortSignal && { abortSignal }) });
  const { localPort } = forward;
  const client = connectOpencode({ localPort, password, directory, host: host.description });
  return {
    ui: { url: sessionUrl(localPort, directory, details.opencodeSessionId), username: 'opencode', password },
    answerPermission: async (requestId, answer) => client.permissions.reply(requestId, answer),
    answerQuestion: async (requestId, answer) => client.questions.reply(requestId, answer),
    [Symbol.asyncDispose]: () => forward[Symbol.asyncDispose](),
  };
}
