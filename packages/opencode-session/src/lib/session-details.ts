import type { OpencodeBinary } from '@optio-ts/opencode-installer';
import type { OpencodeServer } from '@optio-ts/opencode-launcher';
import type { DocumentValue, SessionDocument } from '@optio-ts/seed-engine';

/** What a session document remembers of opencode, to find and use its server again. */
export interface SessionDetails {
  /** On the host. */
  readonly port: number;
  /** On the machine of the worker. */
  readonly localPort: number;
  /** Of the server's process. */
  readonly supervisedId: string;
  readonly opencodeSessionId: string;
  /**
   * Of a session that was brought back, the newest message that it came back with, empty for one without any: its agent was sent to work
   * once there is a newer one. `undefined` for a fresh one.
   */
  readonly lastMessageId: string | undefined;
  readonly binary: OpencodeBinary;
}

/** Puts together what is to be remembered of a server. */
export function detailsOf(
  { port, localPort, process }: Pick<OpencodeServer, 'localPort' | 'port' | 'process'>,
  binary: OpencodeBinary,
  { opencodeSessionId, lastMessageId }: Pick<SessionDetails, 'lastMessageId' | 'opencodeSessionId'>,
): Readonly<Record<string, DocumentValue>> {
  const { path, version, source, ripgrepPath } = binary;
  return {
    port,
    localPort,
    supervisedId: process.id,
    opencodeSessionId,
    ...(lastMessageId !== undefined && { lastMessageId }),
    binary: { path, version, source, ...(ripgrepPath !== undefined && { ripgrepPath }) },
  };
}

/** Reads it back; `undefined` for a session whose server had not started, or that another version has written. */
export function readDetails({ details = {} }: SessionDocument): SessionDetails | undefined {
  const { port, localPort, supervisedId, opencodeSessionId, lastMessageId: last, binary } = details;
  const program = readProgram(binary);
  if (typeof port !== 'number' || typeof localPort !== 'number' || program === undefined) return undefined;
  if (typeof supervisedId !== 'string' || typeof opencodeSessionId !== 'string') return undefined;
  const lastMessageId = typeof last === 'string' ? last : undefined;
  return { port, localPort, supervisedId, opencodeSessionId, lastMessageId, binary: program };
}

function readProgram(value: DocumentValue | undefined): OpencodeBinary | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { path, version, source, ripgrepPath } = value as Readonly<Record<string, unknown>>;
  if (typeof path !== 'string' || typeof version !== 'string' || typeof source !== 'string') return undefined;
  return { path, version, source, ripgrepPath: typeof ripgrepPath === 'string' ? ripgrepPath : undefined };
}
