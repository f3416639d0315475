import { setTimeout as delay } from 'node:timers/promises';

import { OpencodeError } from './errors.ts';
import type { OpencodeEvent } from './opencode-client.ts';
import { OpencodeConnectionError } from './transport.ts';
import type { Transport } from './transport.ts';

/** When following ends. */
export interface FollowEventsOptions {
  /** Aborted when the server has ended. */
  readonly closed: AbortSignal;
  readonly abortSignal: AbortSignal | undefined;
}

/** The server sends a heartbeat every 10 s, so a connection that is silent for longer is dead. */
const SILENCE_MS = 30_000;
const MAXIMUM_EVENT_LENGTH = 32 * 1024 * 1024;

/**
 * Follows what happens in the server, over as many connections as it takes.
 *
 * @yields each event, in the server's order
 */
export async function* followEvents(
  transport: Transport,
  options: FollowEventsOptions,
): AsyncGenerator<OpencodeEvent, void, undefined> {
  const ended =
    options.abortSignal === undefined ? options.closed : AbortSignal.any([options.closed, options.abortSignal]);
  for (let failures = 0; !ended.aborted;) {
    // Its own controller: a connection that fell silent, or that nobody listens to any more, is cut.
    const connection = new AbortController();
    try {
      const request = new Request(`${transport.baseUrl}/global/event`);
      const abortSignal = AbortSignal.any([ended, connection.signal]);
      const { body } = await transport.open(request, { timeoutMs: 15_000, abortSignal, attempts: 1 });
      if (body === null) throw new OpencodeError('RESPONSE_INVALID', 'The stream of events has no body');
      for await (const data of readData(body, connection)) {
        failures = 0;
        yield describeEvent(data);
      }
    } catch (error) {
      if (ended.aborted) return;
      // What was refused, or is no stream of events, stays so. A connection that broke off is made again.
      const isFinal =
        error instanceof OpencodeError && !(error instanceof OpencodeConnectionError) && !isTransient(error);
      if (isFinal) throw error;
    } finally {
      connection.abort();
    }
    failures += 1;
    await delay(Math.min(100 * 2 ** failures, 3000), undefined, { signal: ended }).catch(() => undefined); // ended: the loop says so
  }
}

function isTransient(error: OpencodeError): boolean {
  return error.code === 'REQUEST_TIMEOUT' || error.code === 'ABORTED';
}

// The data of each event: opencode writes `data:` lines only, one per event, an empty line between.
async function* readData(
  body: AsyncIterable<Uint8Array>,
  connection: AbortController,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  const watchdog = setTimeout(() => connection.abort(), SILENCE_MS);
  try {
    for await (const chunk of body) {
      watchdog.refresh();
      rest += decoder.decode(chunk, { stream: true });
      if (rest.length > MAXIMUM_EVENT_LENGTH)
        throw new OpencodeError('RESPONSE_INVALID', 'An event of more than 32 MiB');
      if (!rest.includes('\n')) continue;
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('data:')) yield line.slice(5).trim();
    }
  } finally {
    clearTimeout(watchdog);
  }
}

interface RawEvent {
  readonly directory?: string;
  readonly payload?: { readonly type?: string; readonly properties?: Record<string, unknown> };
}

function describeEvent(data: string): OpencodeEvent {
  let raw: RawEvent;
  try {
    raw = JSON.parse(data) as RawEvent;
  } catch (error) {
    throw new OpencodeError('RESPONSE_INVALID', 'An event that is no JSON', { cause: error });
  }
  const properties = raw.payload?.properties ?? {};
  return {
    type: raw.payload?.type ?? 'unknown',
    sessionId: sessionIdOf(properties),
    directory: raw.directory,
    properties,
  };
}

function sessionIdOf(properties: Record<string, unknown>): string | undefined {
  const { sessionID, info, part } = properties as { sessionID?: unknown; info?: unknown; part?: unknown };
  if (typeof sessionID === 'string') return sessionID;
  for (const holder of [part, info]) {
    if (typeof holder !== 'object' || holder === null) continue;
    const { sessionID: inner, id } = holder as { sessionID?: unknown; id?: unknown };
    if (typeof inner === 'string') return inner;
    if (typeof id === 'string' && id.startsWith('ses_')) return id;
  }
  return undefined;
}
