import { startOpencodeSession } from '@optio-ts/opencode-session';
import type { OpencodeSession, OpencodeSessionResult, StartOpencodeSessionOptions } from '@optio-ts/opencode-session';

/** What a session delivered and told, once it is over. */
export interface SessionRun {
  readonly session: OpencodeSession;
  readonly result: OpencodeSessionResult;
  readonly types: readonly string[];
  readonly warnings: readonly string[];
  readonly delivered: Readonly<Record<string, string>>;
}

/** Runs a session to its end and keeps what it says. */
export async function runSession(options: StartOpencodeSessionOptions): Promise<SessionRun> {
  const delivered: Record<string, string> = {};
  const session = await startOpencodeSession({
    ...options,
    hooks: {
      ...options.hooks,
      async onDeliverable(_context, deliverable) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of deliverable.content()) chunks.push(chunk);
        delivered[deliverable.name] = Buffer.concat(chunks).toString('utf8');
      },
    },
  });
  const types: string[] = [];
  const warnings: string[] = [];
  for await (const event of session.events) {
    types.push(event.type);
    if (!event.id.startsWith(`${session.id}:`)) throw new Error(`An event of another session: ${event.id}`);
    if (event.type === 'warning') warnings.push(`${event.code}: ${event.message}`);
  }
  return { session, result: await session.result, types, warnings, delivered };
}
