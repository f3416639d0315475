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
  // The second is the check that there is such a session, before anything is handed out.
  const [descendants] = await Promise.all([
    listDescendants(source),
    source.client.session(source.sessionId, ownOptions(source)),
  ]);
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
  const over = new AbortController();
  const reading = { ...source, abortSignal: joinSignals(source.abortSignal, over.signal) };
  try {
    yield text('{');
    const todos = yield* writeSession(reading, source.sessionId);
    yield text(`,"optio":{"format":${EXPORT_FORMAT},"opencodeVersion":${JSON.stringify(source.version)},"todos":`);
    yield* todos();
    yield text(',"children":[');
    for (const [index, id] of descendants.entries()) {
      yield text(index === 0 ? '{' : ',{');
      const childTodos = yield* writeSession(reading, id);
      yield text(',"optio":{"todos":');
      yield* childTodos();
      yield text('}}');
    }
    yield text(']}}\n');
  } finally {
    over.abort(); // ends what was asked for and is not read any more
  }
}

/**
 * Asks for all of a session at once.
 *
 * @yields its first two parts
 * @returns the third
 */
async function* writeSession(
  source: SessionExportSource,
  id: string,
): AsyncGenerator<Uint8Array, () => AsyncIterable<Uint8Array>, undefined> {
  const [info, messages, todos] = [
    askJson(source, `/session/${id}`, 'object'),
    askJson(source, `/session/${id}/message`, 'array'),
    askJson(source, `/session/${id}/todo`, 'array'),
  ];
  yield text('"info":');
  yield* info();
  yield text(',"messages":');
  yield* messages();
  return todos;
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

/** Asks at once; what it returns passes the answer on, byte by byte, and makes sure that it is whole and of the kind expected. */
function askJson(
  source: SessionExportSource,
  path: string,
  kind: 'object' | 'array',
): () => AsyncGenerator<Uint8Array, void, undefined> {
  const url = new URL(path, source.transport.baseUrl);
  url.searchParams.set('directory', source.directory);
  const stall = new AbortController();
  const abortSignal = joinSignals(source.abortSignal, stall.signal);
  const answer = source.transport.open(new Request(url), { timeoutMs: TIMEOUT_MS, abortSignal });
  answer.catch(() => undefined); // told to whoever reads it
  return async function* readJson() {
    let found: string | undefined;
    const scanner = createJsonScanner(0, (value) => {
      found = value.kind;
    });
    try {
      const { body } = await answer;
      for await (const chunk of withoutStalls(body ?? [], stall)) {
        scanner.write(chunk);
        yield chunk;
      }
      scanner.end();
    } catch (error) {
      throw describeFailure(error, source, path);
    } finally {
      stall.abort(); // ends a download that nobody reads any more
    }
    if (found !== kind) throw new OpencodeError('EXPORT_INVALID', `opencode's answer for ${path} is no ${kind}`);
  };
}

function describeFailure(error: unknown, { sessionId, abortSignal }: SessionExportSource, path: string): OpencodeError {
  if (OpencodeError.is(error)) return error;
  if (abortSignal?.aborted === true)
    return new OpencodeError('ABORTED', `The export of ${sessionId} was aborted`, { cause: error });
  if (error instanceof SyntaxError) {
    return new OpencodeError('EXPORT_INVALID', `opencode's answer for ${path} is not whole: ${error.message}`, {
      cause: error,
    });
  }
  return new OpencodeConnectionError(`The connection broke while ${path} was read`, true, { cause: error });
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

function joinSignals(given: AbortSignal | undefined, own: AbortSignal): AbortSignal {
  return given === undefined ? own : AbortSignal.any([given, own]);
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
