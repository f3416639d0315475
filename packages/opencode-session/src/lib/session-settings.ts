import { openSecret, sealSecret } from '@optio-ts/seed-engine';
import type { Cipher, SealedSecret, SessionDocument } from '@optio-ts/seed-engine';

import type { StartOpencodeSessionOptions } from './options.ts';
import type { PreparedSession } from './prepare-session.ts';

/** What is not written down: parts of this program, what is needed only for the start, and secrets that the host has by then. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'abortSignal',
  'cipher',
  'config',
  'env',
  'files',
  'host',
  'login',
  'owner',
  'resume',
  'seedCipher',
  'source',
  'store',
  'task',
  'taskId',
  'workdirCipher',
]);

/** The options of a session that the next worker goes on with: those that are data. */
export interface SessionSettings {
  readonly options: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. */
  readonly deadlineAt?: number;
}

/** Picks what the next worker needs to know of a session's options. */
export function settingsOf(
  options: StartOpencodeSessionOptions,
  {
    homeConfig,
    model,
    seed,
    workdirExclude,
  }: Pick<PreparedSession, 'homeConfig' | 'model' | 'seed' | 'workdirExclude'>,
  deadlineAt: number | undefined,
): SessionSettings {
  const data = Object.entries(options).filter(([name, value]) => !LEFT_OUT.has(name) && typeof value !== 'function');
  return {
    // What was found out at the start is what counts.
    options: { ...Object.fromEntries(data), homeConfig, model, workdirExclude, seedId: seed?.seedId },
    ...(deadlineAt !== undefined && { deadlineAt }),
  };
}

/** Seals settings for the session document: an address or a key of a provider may be among them. */
export function sealSettings(cipher: Cipher, settings: SessionSettings): Promise<SealedSecret> {
  return sealSecret(cipher, JSON.stringify(settings));
}

/** Opens a session's settings; none for a session that had not come that far. Throws `DecryptError`. */
export async function openSettings(cipher: Cipher, session: SessionDocument): Promise<SessionSettings> {
  const text = await openSecret(cipher, session, 'settings');
  return text === undefined ? { options: {} } : (JSON.parse(text) as SessionSettings);
}
