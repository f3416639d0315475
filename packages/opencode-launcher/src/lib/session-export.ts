import type { Bytes } from '@optio-ts/host-core';

import { OpencodeError } from './errors.ts';
import { createJsonScanner } from './json-scanner.ts';
import type { OpencodeClient } from './opencode-client.ts';
import { OpencodeConnectionError } from './transport.ts';
import type { Transport } from './transport.ts';

/** Options of an export or an import. */
export interface ExportSessionOptions {
  readonly abortSignal?: AbortSignal;
}

/** A session that can be taken elsewhere. */
export interface SessionExport {
  readonly sessionId: string;
  /** How many sessions of subagents are in it. */
  readonly childCount: number;
  /**
   * The JSON of `opencode export`, with one more member, `optio`, for what that leaves out. Fetched while it is read, and
   * checked: ends with an `EXPORT_INVALID` unless it is whole. Each call reads anew.
   */
  content(): Bytes;
}

/** What an export is made from. */
export interface SessionExportSource extends ExportSessionOptions {
  readonly transport: Transport;
  readonly client: OpencodeClient;
  readonly sessionId: string;
  readonly directory: string;
  /** Of the opencode that it comes from. */
  readonly version: string;
}

/** Version of the `optio` member. */
const EXPORT_FORMAT = 1;

const TIMEOUT_MS = 120_000;
/** For how long a stream may bring nothing. */
const STALL_MS = 60_000;

/**
 * Exports over HTTP: the command cuts its output short when that is a pipe, with exit code 0 (measured). The messages are
 * passed on as they come, so a session of any size takes no memory.
 */
export async function exportSession(source: SessionExportSource): Promise<SessionExport> {
  const descendants = await listDescendants(source);
  // Also the check that there is such a session, before anything is handed out.
  await source.client.session(source.sessionId, ownOptions(source));
  return {
    sessionId: source.sessionId,
    childCount: descendants.length,
    content: () => writeExport(source, descendants),
  };
}

async function* writeExport(
  source: SessionExportSource,
  descendants: readonly string[],
): AsyncGenerator<Uint8Array, void, undefined> {
  yield text('{');
  yield* writeSession(source, source.sessionId);
  yield text(`,"optio":{"format":${EXPORT_FORMAT},"opencodeVersion":${JSON.stringify(source.version)},"todos":`);
  yield* readJson(source, `/session/${source.sessionId}/todo`, 'array');
  yield text(',"children":[');
  for (const [index, id] of descendants.entries()) {
    yield text(index === 0 ? '{' : ',{');
    yield* writeSession(source, id);
    yield text(',"optio":{"todos":');
    yield* readJson(source, `/session/${id}/todo`, 'array');
    yield text('}}');
  }
  yield text(']}}\n');
}

async function* writeSession(source: SessionExportSource, id: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield text('"info":');
  yield* readJson(source, `/session/${id}`, 'object');
  yield text(',"messages":');
  yield* readJson(source, `/session/${id}/message`, 'array');
}

async function listDescendants(source: SessionExportSource): Promise<string[]> {
  const found = new Set<string>();
  const waiting = [source.sessionId];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    for (const child of await source.client.children(id, ownOptions(source))) {
      if (child.id === source.sessionId || found.has(child.id)) continue;
      found.add(child.id);
      waiting.push(child.id);
    }
  }
  return [...found];
}

// Passes an answer on, byte by byte, and makes sure that it is whole and of the kind that is expected.
async function* readJson(
  source: SessionExportSource,
  path: string,
  kind: 'object' | 'array',
): AsyncGenerator<Uint8Array, void, undefined> {
  const url = new URL(path, source.transport.baseUrl);
  url.searchParams.set('directory', source.directory);
  const stall = new AbortController();
  const abortSignal =
    source.abortSignal === undefined ? stall.signal : AbortSignal.any([stall.signal, source.abortSignal]);
  let found: string | undefined;
  const scanner = createJsonScanner(0, (value) => {
    found = value.kind;
  });
  try {
    const { body } = await source.transport.open(new Request(url), { timeoutMs: TIMEOUT_MS, abortSignal });
    for await (const chunk of withoutStalls(body ?? [], stall)) {
      scanner.write(chunk);
      yield chunk;
    }
    scanner.end();
  } catch (error) {
    if (OpencodeError.is(error)) throw error;
    if (source.abortSignal?.aborted === true)
      throw new OpencodeError('ABORTED', `The export of ${source.sessionId} was aborted`, { cause: error });
    if (error instanceof SyntaxError) {
      throw new OpencodeError('EXPORT_INVALID', `opencode's answer for ${path} is not whole: ${error.message}`, {
        cause: error,
      });
    }
    throw new OpencodeConnectionError(`The connection broke while ${path} was read`, true, { cause: error });
  } finally {
    stall.abort(); // ends a download that nobody reads any more
  }
  if (found !== kind) throw new OpencodeError('EXPORT_INVALID', `opencode's answer for ${path} is no ${kind}`);
}

// Only the time that is spent waiting for the other side counts, not that of whoever takes the bytes.
async function* withoutStalls(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  stall: AbortController,
): AsyncGenerator<Uint8Array, void, undefined> {
  let timer = setTimeout(() => stall.abort(), STALL_MS);
  try {
    for await (const chunk of body) {
      clearTimeout(timer);
      yield chunk;
      timer = setTimeout(() => stall.abort(), STALL_MS);
    }
  } finally {
    clearTimeout(timer);
  }
}

function ownOptions(source: SessionExportSource): { readonly directory: string; readonly abortSignal?: AbortSignal } {
  return {
    directory: source.directory,
    ...(source.abortSignal === undefined ? {} : { abortSignal: source.abortSignal }),
  };
}

function text(value: string): Uint8Array {
  return Buffer.from(value, 'utf8');
}
