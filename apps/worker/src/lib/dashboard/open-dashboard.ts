import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { createAdaptorServer } from '@hono/node-server';
import { SeedEngineError } from '@optio-ts/seed-engine';
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';

import type { CommandContext } from '../commands/context.ts';
import { WorkerError, messageOf } from '../errors.ts';
import type { OpenedStore } from '../open-store.ts';
import { printableLine } from '../printable.ts';
import { TaskFileError } from '../task-file-problem.ts';
import { refuseStranger, refuseWithoutToken } from './admit.ts';
import type { Refused } from './admit.ts';
import { createApi } from './api.ts';
import { createBoard } from './board.ts';
import type { Board } from './board.ts';
import { followStore } from './follow-store.ts';
import { createInterfaces } from './interfaces.ts';
import { createLiveSessions } from './live-sessions.ts';
import type { LiveSessions } from './live-sessions.ts';
import { createOtherSessions } from './other-sessions.ts';
import { loadPageFiles } from './page-files.ts';
import { PAGE_HEADERS } from './page-headers.ts';
import type { Refusal } from './protocol.ts';
import { createWings } from './wings.ts';

/** Options of `openDashboard`. */
export interface OpenDashboardOptions {
  readonly context: Omit<CommandContext, 'stdout' | 'stderr'>;
  readonly opened: OpenedStore;
  /** Absolute directory with the page as it was built. */
  readonly pageDirectory: string;
  /** On the loopback interface. @default a free one */
  readonly port?: number | undefined;
  /** Something that the person at the terminal should know. */
  readonly onNote: (message: string) => void;
}

/** A dashboard that is served. Disposing ends it, and no session: see `live.ended`. */
export interface Dashboard extends AsyncDisposable {
  readonly port: number;
  /** Secret. Whoever opens it has the dashboard. */
  readonly url: string;
  readonly live: LiveSessions;
  readonly board: Board;
}

/** How often the store is asked for sessions of other processes. */
const STORE_EVERY_MS = 2000;
/** How often one of them is asked for whose page is open. */
const SESSION_EVERY_MS = 500;

/**
 * Serves the dashboard on the loopback interface, to whoever has its link. The token of the link stands behind `#`, which a browser
 * sends to nobody; the page keeps it and says it with each request. There is no cookie: those do not know ports.
 */
export async function openDashboard(options: OpenDashboardOptions): Promise<Dashboard> {
  const { context, onNote, opened } = options;
  const files = await loadPageFiles(options.pageDirectory);
  const token = randomBytes(32).toString('base64url');
  const board = createBoard();
  const live = createLiveSessions({ context, opened, board });
  const follower = followStore({
    opened,
    board,
    machine: context.config.machine,
    everyMs: STORE_EVERY_MS,
    closelyMs: SESSION_EVERY_MS,
    onFailure: onNote,
  });
  const others = createOtherSessions({ context, opened, board });

  const app = new Hono();
  // The adapter's own global Request and Response are not for the rest of this process.
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening').catch((error: unknown) => {
    throw new WorkerError('REFUSED', `cannot serve on port ${options.port}: ${messageOf(error)}`, { cause: error });
  });
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const interfaces = createInterfaces(
    {
      reach: (id) => (live.has(id) ? live : others).reach(id),
      interfaceOf: (id) => (live.has(id) ? live : others).interfaceOf(id),
    },
    { board, embedder: origin },
  );

  app.use(async (request, next) => {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) request.header(name, value);
    const facts = {
      host: request.req.header('host'),
      origin: request.req.header('origin'),
      fetchSite: request.req.header('sec-fetch-site'),
      authorization: request.req.header('authorization'),
    };
    const isApi = request.req.path.startsWith('/api/');
    const refused = refuseStranger(facts, port) ?? (isApi ? refuseWithoutToken(facts, token) : undefined);
    if (refused !== undefined) return request.json(refusal(refused.reason), refused.status);
    return next();
  });
  app.route('/api', createApi({ board, follower, live, others, interfaces, wings: createWings(context, opened) }));
  app.get('*', (request) => {
    const file = files.get(request.req.path);
    if (file === undefined) return request.json(refusal('There is nothing here.'), 404);
    return request.body(file.content, 200, { 'Content-Type': file.type });
  });
  app.onError((error, request) => {
    if (error instanceof HTTPException) return request.json(refusal(printableLine(error.message)), error.status);
    const status = statusOf(error);
    if (status === 500) onNote(`a request failed: ${messageOf(error)}`);
    return request.json(refusal(messageOf(error)), status);
  });

  return {
    port,
    url: `${origin}/#token=${token}`,
    live,
    board,
    async [Symbol.asyncDispose]() {
      follower[Symbol.dispose]();
      await interfaces[Symbol.asyncDispose]();
      await others[Symbol.asyncDispose]();
      const closed = once(server, 'close');
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  };
}

function refusal(message: string): Refusal {
  const problems = message.split('\n').map((line) => printableLine(line, 1000));
  return { error: problems[0] ?? '', problems };
}

/** What the page can tell apart; the words are the error's own. */
function statusOf(error: unknown): Refused['status'] | 400 | 404 | 409 | 500 | 502 {
  if (error instanceof SyntaxError || error instanceof TaskFileError) return 400;
  if (WorkerError.is(error)) {
    if (error.code === 'NOT_FOUND' || error.code === 'HOST_UNKNOWN') return 404;
    return error.code === 'REFUSED' ? 409 : 400;
  }
  if (SeedEngineError.is(error)) return error.code === 'SESSION_NOT_FOUND' ? 404 : 409;
  if (error instanceof TypeError) return 400;
  return error instanceof Error && 'code' in error ? 502 : 500;
}
