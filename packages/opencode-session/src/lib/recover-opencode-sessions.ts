import { getSessionDocument, listSessionDocuments } from '@optio-ts/seed-engine';
import type { SessionDocument } from '@optio-ts/seed-engine';

import type { RecoveredSession, RecoverOpencodeSessionsOptions } from './recover-options.ts';
import { recoverSession } from './recover-session.ts';

/**
 * Takes up the sessions that no worker has: whose owner has not renewed its lease, or has the name of this one.
 *
 * One whose agent runs is adopted: its log is followed from where it was read to, with the same event ids, and its port is forwarded
 * again. One whose agent has ended is finished from what is on its host: the rest of its log is heard, a new server exports its
 * session, and what is to be kept is kept. Of one that left nothing behind the end is written down. The handles are like those of
 * `startOpencodeSession`. Sessions of other workers, and those whose host is out of reach, are left; call again later.
 */
export async function recoverOpencodeSessions(
  options: RecoverOpencodeSessionsOptions,
): Promise<readonly RecoveredSession[]> {
  const found: Promise<RecoveredSession>[] = [];
  for await (const document of openSessions(options)) {
    options.abortSignal?.throwIfAborted();
    found.push(recoverSession(document, options));
  }
  return Promise.all(found);
}

async function* openSessions({
  store,
  sessionIds,
}: RecoverOpencodeSessionsOptions): AsyncGenerator<SessionDocument, void, undefined> {
  if (sessionIds !== undefined) {
    for (const id of sessionIds) {
      const document = await getSessionDocument(store, id);
      if (document !== undefined) yield document;
    }
    return;
  }
  for (const state of ['starting', 'live', 'ending'] as const) {
    for await (const document of listSessionDocuments(store, { state }))
      if (document.agent === 'opencode') yield document;
  }
}
