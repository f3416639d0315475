import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

import { ENTRANCE, EXIT, admitRequest, isSame } from './admit-request.ts';
import type { Admission, ProxyIdentity } from './admit-request.ts';
import { asksForMessages, createListenerWatch } from './await-listener.ts';
import { pageHeaders } from './filter-headers.ts';
import type { UpstreamLogin } from './filter-headers.ts';
import { forwardRequest, forwardUpgrade, refuseUpgrade } from './forward.ts';

/** Options of `openUiProxy`. */
export interface OpenUiProxyOptions {
  /** Where the session's server is now; `undefined` while it is not. Asked for each request: after a lost link it may be elsewhere. */
  readonly upstream: () => UpstreamLogin | undefined;
  /** Origin of the page that may embed the session's. */
  readonly embedder: string;
  /** A page has lost its events: what is said until it hears them again, it does not show. @default not called */
  readonly onEventsLost?: () => void;
}

/** The interface of one session's server, on a port of this machine that no other session ever gets. */
export interface UiProxy extends AsyncDisposable {
  readonly port: number;
  /** The path for a browser's first request, good for one request: `path` is what it gets to see. */
  enter(path: string): string;
  /** The path for its last. Not for the session's own pages. */
  readonly exit: string;
}

/** Tickets that nobody used yet; whoever opens many leaves the oldest behind. */
const MOST_TICKETS = 32;

/** A page that does not listen gets its messages all the same. Longer than a browser on a busy machine takes. */
const LISTEN_MS = 60_000;

/**
 * Serves the web interface of a session's server to a browser on this machine. The server is taken for hostile: an agent can put
 * another in its place. It learns neither its password's holder nor a cookie of the browser, and can leave nothing there.
 */
export async function openUiProxy(options: OpenUiProxyOptions): Promise<UiProxy> {
  const { upstream, embedder } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const tickets = new Set<string>();
  const upgraded = new Set<Duplex>();
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const identity: ProxyIdentity = { port, cookieName: `optio-ui-${port}`, cookieValue: secret() };
  const cookie = `${identity.cookieName}=${identity.cookieValue}; Path=/; HttpOnly; SameSite=Strict`;
  const listener = createListenerWatch({ mostMs: LISTEN_MS });
  const onEvents = (change: 'begin' | 'lost'): void => {
    if (change === 'begin') listener.listening();
    else options.onEventsLost?.();
  };
  const forwarding = { embedder, agent, onFailure: unavailable, onEvents };
  // The session's pages must not know it: whoever leaves takes all cookies of this machine's name along.
  const exitTicket = secret();
  let isFirst = true;

  const forward = (
    request: IncomingMessage,
    response: ServerResponse,
    context: { readonly origin: string; readonly path: string },
  ): void => {
    const login = upstream();
    if (login === undefined) unavailable(request, response);
    else forwardRequest(request, response, { ...context, ...forwarding, login });
  };

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const admission = admit(request, identity);
    const origin = `http://${request.headers.host}`;
    for (const [name, value] of pageHeaders({ origin, embedder })) response.setHeader(name, value);
    if (admission.type === 'refuse') return refuse(response, admission);
    if (admission.type === 'leave') {
      if (!isSame(admission.ticket, exitTicket)) {
        return refuse(response, { status: 403, reason: 'Leave this session from the dashboard.' });
      }
      // Cookies know neither ports nor, from here, paths: all of this machine's name go, and other sessions are entered anew.
      response.setHeader('Clear-Site-Data', '"cache", "cookies", "storage"');
      return page(response, 'Closed.');
    }
    if (admission.type === 'enter') {
      if (!take(tickets, admission.ticket)) {
        return refuse(response, {
          status: 403,
          reason: 'This link was used before. Open the session from the dashboard.',
        });
      }
      // Whatever was served at this port before, by whomever, has left nothing.
      if (isFirst) response.setHeader('Clear-Site-Data', '"cache", "storage"');
      isFirst = false;
      response.setHeader('Set-Cookie', cookie);
      // Not a redirect: that would count as the dashboard's request, and only the session's own pages may ask for more.
      return page(response, `<meta http-equiv="refresh" content="0;url=${escapeHtml(admission.path)}">`);
    }
    const { path } = admission;
    if (request.headers['sec-fetch-mode'] === 'navigate') listener.loading();
    if (!asksForMessages(request.method ?? '', path)) return forward(request, response, { origin, path });
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    void listener.listened(gone.signal).then(() => {
      if (!gone.signal.aborted) forward(request, response, { origin, path });
    });
  };

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // The server forgets one that changes its protocol.
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket)).on('error', () => socket.destroy());
    const admission = admit(request, identity);
    const login = upstream();
    const isWelcome = admission.type === 'forward' && request.headers.upgrade?.toLowerCase() === 'websocket';
    if (!isWelcome || login === undefined) {
      const status = admission.type === 'refuse' ? admission.status : login === undefined ? 502 : 400;
      refuseUpgrade(socket, status);
      return;
    }
    forwardUpgrade(request, socket, head, { login, path: admission.path });
  };
  server.on('request', answer).on('upgrade', upgrade);

  return {
    port,
    enter(path) {
      const ticket = secret();
      tickets.add(ticket);
      for (const oldest of tickets) if (tickets.size > MOST_TICKETS) tickets.delete(oldest);
      return `${ENTRANCE}?ticket=${ticket}&to=${encodeURIComponent(path)}`;
    },
    exit: `${EXIT}?ticket=${exitTicket}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      server.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
      agent.destroy();
      await closed;
    },
  };
}

function admit({ method = '', url = '', headers }: IncomingMessage, identity: ProxyIdentity): Admission {
  const one = (value: string | string[] | undefined): string | undefined =>
    Array.isArray(value) ? value.join(', ') : value;
  return admitRequest(
    {
      method,
      target: url,
      host: headers.host,
      origin: headers.origin,
      cookie: headers.cookie,
      fetchSite: one(headers['sec-fetch-site']),
      fetchMode: one(headers['sec-fetch-mode']),
      serviceWorker: one(headers['service-worker']),
    },
    identity,
  );
}

/** Whether the ticket was there; it is gone then. */
function take(tickets: Set<string>, given: string): boolean {
  for (const ticket of tickets) if (isSame(given, ticket)) return tickets.delete(ticket);
  return false;
}

function refuse(
  response: ServerResponse,
  { status, reason }: { readonly status: number; readonly reason: string },
): void {
  // What is still to come of the request is not read.
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' }).end(`${reason}\n`);
}

/** A page asks again by itself; a script is told. */
function unavailable(request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const isPage = request.headers['sec-fetch-mode'] === 'navigate';
  response.statusCode = 502;
  response.setHeader('Connection', 'close');
  if (!isPage) response.end('The session cannot be reached at the moment.\n');
  else page(response, '<meta http-equiv="refresh" content="2">The session cannot be reached at the moment.');
}

function page(response: ServerResponse, content: string): void {
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(`<!doctype html><meta charset="utf-8"><title>optio</title>${content}\n`);
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}
