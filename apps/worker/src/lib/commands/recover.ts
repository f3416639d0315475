import { listSessionDocuments } from '@optio-ts/seed-engine';
import type { SessionDocument } from '@optio-ts/seed-engine';

import { messageOf } from '../errors.ts';
import { exitCodeOf } from '../exit-code-of.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { withStoreToChange } from '../open-store.ts';
import { createNamedReporter } from '../report/named-reporter.ts';
import { findSession } from '../sessions/find-session.ts';
import { recoverHere } from '../sessions/recover-here.ts';
import type { CommandContext } from './context.ts';

/** `optio recover [session...]`: takes up sessions whose worker is gone, and goes on with them until they are over. */
export async function recoverCommand(
  names: readonly string[],
  { json }: { readonly json?: boolean },
  context: CommandContext,
): Promise<number> {
  const { interrupts, stderr } = context;
  return withStoreToChange(context, async (opened) => {
    const now = new Date();
    const sessions: SessionDocument[] = [];
    for (const name of names) sessions.push(await findSession(opened.store, name));
    if (names.length === 0) {
      for await (const session of listSessionDocuments(opened.store)) {
        if (session.state !== 'ended' && session.owner.leaseExpiresAt < now) sessions.push(session);
      }
      if (sessions.length === 0 && json !== true) stderr.write('No session has lost its worker.\n');
    }
    const codes = await Promise.all(
      sessions.map(async (session) => {
        const reporter = createNamedReporter(session.taskId, { ...context, json });
        try {
          const recovered = await recoverHere(session, { context, opened, reporter });
          if (recovered.action === 'leave') {
            reporter.note(`left alone: ${recovered.reason}`);
            return EXIT_CODES.done;
          }
          reporter.summary(recovered.summary);
          return recovered.summary.exitCode;
        } catch (error) {
          interrupts.abortSignal.throwIfAborted();
          reporter.warning(messageOf(error));
          return exitCodeOf(error);
        }
      }),
    );
    return Math.max(EXIT_CODES.done, ...codes);
  });
}
