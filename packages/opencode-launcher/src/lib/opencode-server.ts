import { shellScript } from '@optio-ts/host-core';
import type { Bytes, PortForward, ProcessExit, SupervisedProcess } from '@optio-ts/host-core';

import { createClient } from './create-client.ts';
import { endProcess } from './end-process.ts';
import type { OpencodeClient, OpencodeSession } from './opencode-client.ts';
import { stripAnsi } from './ready-line.ts';
import { redact } from './redact.ts';
import type { OpencodeRuntime, OpencodeTaskOptions } from './runtime.ts';
import { exportSession } from './session-export.ts';
import type { ExportSessionOptions, SessionExport } from './session-export.ts';
import { importInto } from './session-import.ts';
import type { ImportSessionResult } from './session-import.ts';
import { createTransport } from './transport.ts';

/** Options of `OpencodeServer.stop`. */
export interface StopOpencodeOptions {
  /** Milliseconds that the server is given to end what runs, before it is signalled. 0 for none. @default 4000 */
  readonly disposeMs?: number;
  /** Milliseconds between the signals TERM and KILL. @default 2000 */
  readonly graceMs?: number;
  /**
   * `ended`: until nothing of the server runs any more. `noticed`: until our own watcher of it has seen that too and is gone from the
   * host, up to half a second later; `exited` tells that as well.
   *
   * @default 'noticed'
   */
  readonly until?: 'ended' | 'noticed';
}

/** A running opencode server. Disposing of it is the same as `stop()`. */
export interface OpencodeServer extends AsyncDisposable {
  readonly client: OpencodeClient;
  /** The session that was made with the start; `undefined` when none was asked for. */
  readonly session?: OpencodeSession;
  /** Port on 127.0.0.1 of this machine that reaches the server. */
  readonly localPort: number;
  /** Port on the host. */
  readonly port: number;
  /** User `opencode`, HTTP Basic. Random for each start. Never to be handed to a browser. */
  readonly password: string;
  readonly version: string;
  readonly isConfined: boolean;
  readonly process: SupervisedProcess;
  /** Settles when the server has ended, for whatever reason. */
  readonly exited: Promise<ProcessExit>;
  /** What the server printed last, at most 8 KiB, secrets taken out. */
  outputTail(): Promise<string>;
  /** Hands out a session with its subagents' sessions and to-dos, as JSON that `opencode import` reads too. Throws `SESSION_NOT_FOUND`. */
  exportSession(sessionId: string, options?: ExportSessionOptions): Promise<SessionExport>;
  /** Takes in what `exportSession` or `opencode export` handed out; visible to the running server at once. See `importSession`. */
  importSession(content: Bytes, options?: ExportSessionOptions): Promise<ImportSessionResult>;
  /**
   * Ends the server, its tools and all that they left behind, and confirms it: within 10 s at worst. The database is closed
   * then. Throws `KILL_NOT_CONFIRMED` (`HostError`) where something cannot be ended. Idempotent.
   */
  stop(options?: StopOpencodeOptions): Promise<void>;
  /** Lets go of it: no port is forwarded and nothing listened to any more, and the server goes on. For another process to adopt it. */
  leave(): Promise<void>;
}

/** What a server handle is made of. */
export interface ServerParts {
  readonly task: OpencodeTaskOptions;
  readonly runtime: OpencodeRuntime;
  readonly process: SupervisedProcess;
  readonly forward: PortForward;
  readonly port: number;
  readonly password: string;
  /** Values to cover in messages, the password among them. */
  readonly secrets: readonly string[];
}

/** Makes the handle of a server that has been started, ready or not. */
export function createServer(parts: ServerParts): OpencodeServer {
  const { task, process, forward, secrets } = parts;
  const closed = new AbortController();
  const host = task.host.description;
  const transport = createTransport({ port: forward.localPort, password: parts.password, secrets, host });
  const client = createClient({ transport, directory: task.workspace.workdir, closed: closed.signal });
  // Whoever is interested looks at `exited`; this only ends the streams of events.
  process.exited.then(
    () => closed.abort(),
    () => closed.abort(),
  );

  async function end(options: StopOpencodeOptions): Promise<void> {
    const disposeMs = options.disposeMs ?? 4000;
    // The server ends its tools itself when it is asked to, which no signal makes it do.
    if (disposeMs > 0 && !closed.signal.aborted) {
      await client.dispose({ timeoutMs: disposeMs, abortSignal: closed.signal }).catch((error: unknown) => {
        if (closed.signal.aborted) return;
        const message = `opencode on ${host} did not end its tools when asked: ${error instanceof Error ? error.message : String(error)}`;
        task.onWarning?.({ code: 'DISPOSE_FAILED', message });
      });
    }
    closed.abort();
    try {
      const graceMs = options.graceMs ?? 2000;
      await (options.until === 'ended' ? process.stop({ graceMs }) : endProcess(process, graceMs));
    } finally {
      await forward[Symbol.asyncDispose]();
    }
  }

  let stopped: Promise<void> | undefined;
  function stop(options: StopOpencodeOptions = {}): Promise<void> {
    // A stop that failed may be tried again.
    stopped ??= end(options).catch((error: unknown) => {
      stopped = undefined;
      throw error;
    });
    return stopped;
  }

  return {
    client,
    localPort: forward.localPort,
    port: parts.port,
    password: parts.password,
    version: task.binary.version,
    isConfined: parts.runtime.isConfined,
    process,
    exited: process.exited,
    async outputTail() {
      const command = shellScript('tail -c 8192 < "$1"', process.output.path);
      const { stdout } = await task.host.run(command, { timeoutMs: 15_000 });
      return redact(stripAnsi(stdout.toString('utf8')), secrets);
    },
    exportSession: (sessionId, options = {}) =>
      exportSession({
        ...options,
        transport,
        client,
        sessionId,
        directory: task.workspace.workdir,
        version: task.binary.version,
      }),
    importSession: (content, options = {}) => importInto(parts.runtime, { ...task, ...options, content }),
    stop,
    leave: async () => {
      closed.abort();
      await forward[Symbol.asyncDispose]();
    },
    [Symbol.asyncDispose]: () => stop(),
  };
}
