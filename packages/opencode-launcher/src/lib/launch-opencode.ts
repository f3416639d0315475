import { randomBytes, randomInt } from 'node:crypto';

import { HostError, isLinkFault, outlastLink, startSupervised } from '@optio-ts/host-core';
import type { HostFile, PortForward, SupervisedProcess } from '@optio-ts/host-core';

import { endProcess } from './end-process.ts';
import { OpencodeError, OpencodeStartError } from './errors.ts';
import type { CreateOpencodeSessionOptions } from './opencode-client.ts';
import { serveCommand } from './opencode-command.ts';
import type { OpencodeConfig } from './opencode-config.ts';
import { opencodeFiles } from './opencode-files.ts';
import { createServer } from './opencode-server.ts';
import type { OpencodeServer } from './opencode-server.ts';
import { secretsOf } from './redact.ts';
import { prepareRuntime } from './runtime.ts';
import type { OpencodeRuntime, OpencodeTaskOptions } from './runtime.ts';
import { waitUntilReady } from './wait-until-ready.ts';

/** Options of `launchOpencode`. */
export interface LaunchOpencodeOptions extends OpencodeTaskOptions {
  /** Written to `opencode.json` in the workdir, completed by `completeOpencodeConfig`. @default only those defaults */
  readonly config?: OpencodeConfig;
  /** A session to make with the start, which saves a round trip: `OpencodeServer.session`. @default none */
  readonly session?: Omit<CreateOpencodeSessionOptions, 'abortSignal' | 'timeoutMs'>;
  /** Whether a person is there to answer questions and permission requests. @default false */
  readonly isAttended?: boolean;
  /** Whether the caller has written `opencodeFiles` already. @default false: they are written */
  readonly isPrepared?: boolean;
  /** Written to the workdir in the same round trip as the start; `opencodeFiles` must be among them. @default those alone */
  readonly files?: readonly HostFile[];
  /** `web` also opens a browser on the host; both serve the same interface. @default 'serve' */
  readonly mode?: 'serve' | 'web';
  /** Address to listen on; `0.0.0.0` makes the server reachable from other machines. @default '127.0.0.1' */
  readonly hostname?: '127.0.0.1' | '0.0.0.0';
  /** Port on the host. @default a random one; another one is tried when it is taken */
  readonly port?: number;
  /** Milliseconds until the start counts as failed. @default 60000 */
  readonly startupTimeoutMs?: number;
  /** What everything that the server starts carries in `OPTIO_RUN_ID`: 24 hex digits. @default a new one */
  readonly runId?: string;
  /** Milliseconds after which the host ends the server by itself, unless the lease is renewed. @default 24 hours */
  readonly leaseMs?: number;
}

/** Below the ports that Linux gives to outgoing connections (from 32768), which would collide now and then. */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_767;
const MAXIMUM_ATTEMPTS = 4;
/** A lease above this outlasts any start. */
const LONG_LEASE_MS = 3_600_000;
/** What is kept of the server's output. It prints a few lines; a tool that writes to its terminal must not fill the disk. */
const MAXIMUM_OUTPUT_BYTES = 8 * 1024 * 1024;

/**
 * Starts opencode for a task: in a home of its own, confined where that works, behind a random password, under supervision
 * that outlives this program. Returns once it has answered and has accepted its configuration.
 *
 * Throws `OpencodeStartError` (`PORT_TAKEN`, `CONFIG_INVALID`, `HOME_NOT_WRITABLE`, `DATABASE_UNUSABLE`, `VERSION_MISMATCH`,
 * `EXITED_EARLY`, `START_TIMEOUT`) with the server's last output, `CONFINEMENT_UNAVAILABLE`, `ABORTED`, and what the host
 * throws. After an error nothing of it runs any more.
 *
 * A link that is lost is waited for, as long as the start has time: what was begun is undone and begun again, what runs is found.
 */
export async function launchOpencode(options: LaunchOpencodeOptions): Promise<OpencodeServer> {
  const runtime = await prepareRuntime(options);
  const version = { version: options.binary.version };
  let files = options.files ?? (options.isPrepared === true ? [] : opencodeFiles({ ...options, ...version }));
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? randomInt(FIRST_PORT, LAST_PORT + 1);
    try {
      return await startOn(port, runtime, options, files);
    } catch (error) {
      const isTaken = OpencodeError.is(error) && error.code === 'PORT_TAKEN';
      if (!isTaken || options.port !== undefined || attempt >= MAXIMUM_ATTEMPTS) throw error;
      files = [];
      options.onWarning?.({
        code: 'PORT_TAKEN',
        message: `Port ${port} of ${options.host.description} is taken, trying another one`,
      });
    }
  }
}

async function startOn(
  port: number,
  runtime: OpencodeRuntime,
  options: LaunchOpencodeOptions,
  files: readonly HostFile[],
): Promise<OpencodeServer> {
  const { host, workspace, binary } = options;
  const password = randomBytes(32).toString('base64url');
  const command = serveCommand({
    program: binary.path,
    mode: options.mode ?? 'serve',
    hostname: options.hostname ?? '127.0.0.1',
    port,
  });
  const start = (): Promise<SupervisedProcess> =>
    startSupervised(host, {
      directory: workspace.taskDirectory,
      // An agent may have run here before, and may have put links in the way.
      files: { directory: workspace.workdir, files, beneath: workspace.taskDirectory },
      command: runtime.isolate(command),
      cwd: workspace.workdir,
      env: { ...runtime.env, OPENCODE_SERVER_PASSWORD: password },
      keepEnv: runtime.keepEnv,
      maxOutputBytes: MAXIMUM_OUTPUT_BYTES,
      ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
      // A name of its own: there may be several starts of one run, and their records stay.
      ...(options.runId === undefined
        ? {}
        : { runId: options.runId, id: `opencode-${port}-${randomBytes(4).toString('hex')}` }),
      ...abortable(options),
    });
  // A stream that was begun cannot be had again.
  const isRepeatable = files.every((file) => !('sizeBytes' in file));
  const process = await (isRepeatable ? outlastLink(start, { isPassing: isUndone, ...abortable(options) }) : start());
  const stopRenewing = renewDuringStart(process, options.leaseMs);
  let forward: PortForward | undefined;
  try {
    forward = await outlastLink(() => host.forwardPort(port, abortable(options)), abortable(options));
    const secrets = [...runtime.secrets, ...secretsOf(options.config), password];
    const server = createServer({ task: options, runtime, process, forward, port, password, secrets });
    const { client } = server;
    const timeoutMs = options.startupTimeoutMs ?? 60_000;
    const session = await waitUntilReady({
      process,
      client,
      version: binary.version,
      port,
      timeoutMs,
      session: options.session,
      secrets,
      abortSignal: options.abortSignal,
    });
    return session === undefined ? server : { ...server, session };
  } catch (error) {
    throw await endFailedStart(process, forward, error);
  } finally {
    stopRenewing();
  }
}

/** Renews a lease that may be shorter than the start. One that cannot be renewed shows in the end of the process. */
function renewDuringStart(process: SupervisedProcess, leaseMs = 0): () => void {
  if (leaseMs <= 0 || leaseMs > LONG_LEASE_MS) return () => undefined;
  let isRenewing = false;
  const renew = async (): Promise<void> => {
    // Over a lost link they would pile up, and all come at once when it is back.
    if (isRenewing) return;
    isRenewing = true;
    await process.renewLease().catch(() => undefined);
    isRenewing = false;
  };
  const timer = setInterval(() => void renew(), leaseMs / 4);
  return () => clearInterval(timer);
}

/** Whether a start was lost with its link, and nothing of it is left. */
function isUndone(error: unknown): boolean {
  return isLinkFault(error) && !(HostError.is(error) && error.code === 'KILL_NOT_CONFIRMED');
}

/** Milliseconds that a lost link is waited for, to end what a failed start has left. */
const ENDING_MS = 60_000;

/** Ends what a failed start left. Returns what to throw: the reason, and what could not be ended, if anything. */
async function endFailedStart(
  process: SupervisedProcess,
  forward: PortForward | undefined,
  reason: unknown,
): Promise<unknown> {
  const end = (): Promise<void> => endProcess(process, 500);
  const results = await Promise.allSettled([
    outlastLink(end, { limitMs: ENDING_MS }),
    forward?.[Symbol.asyncDispose](),
  ]);
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (failures.length === 0) return reason;
  const cause = new AggregateError([reason, ...failures], 'The start failed, and so did its clean-up');
  const code = OpencodeError.is(reason) ? reason.code : 'EXITED_EARLY';
  const message = `${reason instanceof Error ? reason.message : String(reason)}; what it left may still run`;
  return new OpencodeStartError(code, message, [], { cause });
}

function abortable(options: OpencodeTaskOptions): { readonly abortSignal?: AbortSignal } {
  return options.abortSignal === undefined ? {} : { abortSignal: options.abortSignal };
}
