import { browserShims, DELIVERABLES_DIRECTORY, LOG_FILE } from '@optio-ts/agents-prompt';
import type { LogProtocol } from '@optio-ts/agents-prompt';

/** A file or directory of a fresh workdir, in the shape that host-core's `writeFiles` takes. */
export type AgentSessionFile =
  | { readonly path: string; readonly content: string; readonly mode: number }
  | { readonly path: string; readonly directory: true; readonly mode: number };

/** Options of `agentSessionFiles`. */
export interface AgentSessionFilesOptions {
  readonly protocol: Pick<LogProtocol, 'browser'>;
  /** Absolute path on the host. */
  readonly workdir: string;
}

/**
 * What a fresh workdir needs for a session: an empty log, `deliverables/` and the browser shims, relative to the workdir. For
 * callers that write everything in one trip and then say `isPrepared`.
 */
export function agentSessionFiles({ protocol, workdir }: AgentSessionFilesOptions): AgentSessionFile[] {
  const shims = browserShims({ mode: protocol.browser, workdir });
  return [
    { path: DELIVERABLES_DIRECTORY, directory: true, mode: 0o700 },
    { path: LOG_FILE, content: '', mode: 0o600 },
    ...(shims?.files ?? []),
  ];
}
