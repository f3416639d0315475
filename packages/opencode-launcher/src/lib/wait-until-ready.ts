import { setTimeout as delay } from 'node:timers/promises';

import { followLines, isLinkFault } from '@optio-ts/host-core';
import type { FollowInterruption, ProcessExit, SupervisedProcess } from '@optio-ts/host-core';

import { OpencodeError, OpencodeRequestError, OpencodeStartError } from './errors.ts';
import type { CreateOpencodeSessionOptions, OpencodeClient, OpencodeSession } from './opencode-client.ts';
import { parseReadyLine } from './ready-line.ts';
import { keepRecentLines } from './recent-lines.ts';
import { describeStartFailure } from './start-failure.ts';

/** What is waited for, and how long. */
export interface WaitUntilReadyOptions {
  readonly process: SupervisedProcess;
  readonly client: OpencodeClient;
  /** Version that must answer. */
  readonly version: string;
  readonly port: number;
  /** Milliseconds until the start counts as failed. */
  readonly timeoutMs: number;
  /** Made with the first request. @default none */
  readonly session: CreateOpencodeSessionOptions | undefined;
  /** Values to cover in messages. */
  readonly secrets: readonly string[];
  readonly abortSignal?: AbortSignal | undefined;
}

/** Longer than any answer of a healthy server; a request into the gap between socket and application never gets one. */
const PROBE_TIMEOUT_MS = 500;

/**
 * Waits until the server has printed its ready line, answers an authenticated request, is the expected version, and accepts
 * its configuration. Watches the process meanwhile. Resolves with the session that was to be made. Throws `OpencodeStartError`
 * with a code that says why not.
 */
export async function waitUntilReady(options: WaitUntilReadyOptions): Promise<OpencodeSession | undefined> {
  const { process, timeoutMs } = options;
  const host = process.host.description;
  const output = keepRecentLines();
  const stopped = new AbortController();
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), timeoutMs);
  const cut = AbortSignal.any([
    stopped.signal,
    timeout.signal,
    ...(options.abortSignal === undefined ? [] : [options.abortSignal]),
  ]);
  // Settled here so that it is never an unhandled rejection, whichever branch ends first.
  const exit = process.exited.then((value): ProcessExit => value);
  exit.catch(() => undefined);

  /** A link that is lost may come back while the start has time. */
  async function isPatient({ error, failures }: FollowInterruption): Promise<boolean> {
    if (!isLinkFault(error)) return false;
    await delay(Math.min(250 * failures, 2000), undefined, { signal: cut }).catch(noop);
    return true;
  }

  async function readyLine(): Promise<boolean> {
    const following = { until: exit.then(noop, noop), abortSignal: cut, onInterruption: isPatient };
    for await (const { line } of followLines(process.output, following)) {
      output.add(line);
      if (parseReadyLine(line)?.port === options.port) return true;
    }
    // Following ends quietly, whether the process has ended or we do not want to wait any longer.
    cut.throwIfAborted();
    return false;
  }

  async function healthAnswer(): Promise<void> {
    for (;;) {
      try {
        const { version } = await options.client.health({ timeoutMs: PROBE_TIMEOUT_MS, abortSignal: cut });
        if (version === options.version) return;
        throw new OpencodeStartError(
          'VERSION_MISMATCH',
          `opencode on ${host} is ${version}, not ${options.version}`,
          output.toArray(),
        );
      } catch (error) {
        if (cut.aborted || !isPassing(error)) throw error;
      }
      await delay(50, undefined, { signal: cut });
    }
  }

  function failure(ended: ProcessExit | undefined): OpencodeStartError {
    return describeStartFailure({
      exit: ended,
      output: output.toArray(),
      port: options.port,
      host,
      timeoutMs,
      secrets: options.secrets,
    });
  }

  async function untilReady(): Promise<OpencodeSession | undefined> {
    if (!(await readyLine())) throw failure(await exit);
    const died = exit.then((ended) => Promise.reject(failure(ended)));
    died.catch(noop);
    // Side by side: over a far link each of them is a round trip.
    const answers = Promise.all([firstAnswer(options, cut), healthAnswer()]);
    const [session] = await Promise.race([died, answers]);
    return session;
  }

  try {
    return await untilReady();
  } catch (error) {
    if (options.abortSignal?.aborted === true)
      throw new OpencodeError('ABORTED', `The start of opencode on ${host} was aborted`, { cause: error });
    if (timeout.signal.aborted) throw failure(undefined);
    throw error;
  } finally {
    clearTimeout(timer);
    stopped.abort();
  }
}

function noop(): void {
  // For promises that are watched elsewhere.
}

/** The server is not there yet, or swallowed the question. */
function isPassing(error: unknown): boolean {
  return OpencodeError.is(error) && (error.code === 'REQUEST_TIMEOUT' || error.code === 'CONNECTION_FAILED');
}

/** With a broken `opencode.json` the server starts all the same and then refuses everything that is about a directory. */
async function firstAnswer(
  { client, session }: WaitUntilReadyOptions,
  abortSignal: AbortSignal,
): Promise<OpencodeSession | undefined> {
  for (;;) {
    try {
      // When the answer was lost with the link there may be an empty one more, which nobody uses.
      if (session !== undefined) return await client.createSession({ ...session, abortSignal });
      await client.status({ abortSignal });
      return undefined;
    } catch (error) {
      if (error instanceof OpencodeRequestError && error.code === 'CONFIG_INVALID') {
        throw new OpencodeStartError(
          'CONFIG_INVALID',
          `opencode refuses its configuration${describeIssues(error.body)}`,
          [],
        );
      }
      if (abortSignal.aborted || !(OpencodeError.is(error) && error.code === 'CONNECTION_FAILED')) throw error;
    }
    await delay(250, undefined, { signal: abortSignal });
  }
}

interface ConfigErrorBody {
  readonly data?: {
    readonly path?: string;
    readonly message?: string;
    readonly issues?: readonly { path?: string[]; message?: string }[];
  };
}

function describeIssues(body: string): string {
  let data: ConfigErrorBody['data'];
  try {
    ({ data } = JSON.parse(body) as ConfigErrorBody);
  } catch {
    return `\n\n${body}`; // cut at its limit: shown as it is
  }
  const issues = new Set((data?.issues ?? []).map(({ path = [], message = '' }) => `${path.join('.')}: ${message}`));
  const details =
    issues.size > 0 ? [...issues].join('; ') : (data?.message ?? '').replaceAll(/--- \w+ ---/g, '').trim();
  return ` ${data?.path ?? ''}: ${details}`;
}
