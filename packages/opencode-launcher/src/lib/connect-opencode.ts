import { createClient } from './create-client.ts';
import type { OpencodeClient } from './opencode-client.ts';
import { createTransport } from './transport.ts';

/** Options of `connectOpencode`. */
export interface ConnectOpencodeOptions {
  /** Port on 127.0.0.1 of this machine that reaches the server. */
  readonly localPort: number;
  readonly password: string;
  /** Absolute directory on the host that requests are about unless they name another. */
  readonly directory: string;
  /** What the host is called in messages. */
  readonly host: string;
}

/** Talks to a server that another process has launched, looks after and ends. Nothing is asked yet. */
export function connectOpencode({ localPort, password, directory, host }: ConnectOpencodeOptions): OpencodeClient {
  const transport = createTransport({ port: localPort, password, secrets: [], host });
  return createClient({ transport, directory, closed: new AbortController().signal });
}
