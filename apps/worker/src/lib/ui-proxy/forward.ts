import { STATUS_CODES, request as send } from 'node:http';
import type { Agent, ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Duplex } from 'node:stream';

import { headersForBrowser, headersForServer } from './filter-headers.ts';
import type { UpstreamLogin } from './filter-headers.ts';

/** Where one request goes. */
export interface ForwardTarget {
  readonly login: UpstreamLogin;
  /** Path and query. */
  readonly path: string;
}

/** What an answer needs on its way back. */
export interface ForwardContext extends ForwardTarget {
  readonly origin: string;
  readonly embedder: string;
  readonly agent: Agent;
  /** The server gave no answer, or half of one. */
  readonly onFailure: (request: IncomingMessage, response: ServerResponse) => void;
  /** A stream of events has begun, or was lost while the browser still listened. */
  readonly onEvents: (change: 'begin' | 'lost') => void;
}

/** Passes a request on and its answer back, each as it comes: an event stream is not held up. */
export function forwardRequest(request: IncomingMessage, response: ServerResponse, context: ForwardContext): void {
  const hasBody = request.headers['content-length'] !== undefined || 'transfer-encoding' in request.headers;
  const onward = begin(request, response, context, (error) => {
    // A kept connection may have been closed by its server in the very moment that it was used: nothing was done then.
    const isLost = onward.reusedSocket && 'code' in error && error.code === 'ECONNRESET' && !response.headersSent;
    if (!isLost || hasBody || request.method !== 'GET' || response.destroyed)
      return context.onFailure(request, response);
    const fresh = { ...context, agent: false } as const;
    begin(request, response, fresh, () => context.onFailure(request, response)).end();
  });
  // An answer may be there before all is sent.
  if (hasBody) pipeline(request, onward, () => {});
  else onward.end();
}

function begin(
  request: IncomingMessage,
  response: ServerResponse,
  { login, path, agent, origin, embedder, onEvents }: Omit<ForwardContext, 'agent'> & { readonly agent: Agent | false },
  onError: (error: Error) => void,
): ClientRequest {
  const { method, rawHeaders } = request;
  const headers = headersForServer(rawHeaders, login).flat();
  const onward = send({ host: '127.0.0.1', port: login.port, method, path, headers, agent, setHost: false });
  let hasFailed = false;
  onward.on('error', (error) => {
    hasFailed = true;
    onError(error);
  });
  // To a request that asked for no other protocol.
  onward.on('upgrade', (_answer, socket: Socket) => {
    socket.destroy();
    onError(new Error('another protocol was answered'));
  });
  onward.on('response', (answer) => {
    const { statusCode = 502, rawHeaders: raw } = answer;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.writeHead(statusCode, headersForBrowser(raw, { origin, embedder }).flat());
    response.flushHeaders();
    if (statusCode === 200 && answer.headers['content-type']?.startsWith('text/event-stream') === true) {
      onEvents('begin');
      // Before the answer is given up because the browser has gone.
      response.prependOnceListener('close', () => {
        if (hasFailed || answer.destroyed || answer.readableEnded) onEvents('lost');
      });
    }
    // An answer that is cut must not look whole: this ends the browser's connection.
    pipeline(answer, response, () => {});
  });
  // A browser that goes away takes its request with it.
  response.on('close', () => onward.destroy());
  return onward;
}

/** Passes a WebSocket on. What either side says after the other has finished still arrives. */
export function forwardUpgrade(
  request: IncomingMessage,
  browser: Duplex,
  head: Buffer,
  { login, path }: ForwardTarget,
): void {
  const headers = [...headersForServer(request.rawHeaders, login), ['Connection', 'Upgrade'], ['Upgrade', 'websocket']];
  const onward = send({
    host: '127.0.0.1',
    port: login.port,
    path,
    headers: headers.flat(),
    setHost: false,
    agent: false,
  });
  onward.on('error', () => refuseUpgrade(browser, 502));
  onward.on('response', (answer) => {
    answer.resume();
    refuseUpgrade(browser, answer.statusCode ?? 502);
  });
  onward.on('upgrade', (answer, server: Socket, early: Buffer) => {
    const lines = webSocketHeaders(answer.rawHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
    browser.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines.join('')}\r\n`,
    );
    server.allowHalfOpen = true;
    (browser as Socket).allowHalfOpen = true;
    for (const socket of [server, browser as Socket]) socket.setNoDelay(true).setTimeout(0);
    if (early.length > 0) browser.write(early);
    if (head.length > 0) server.write(head);
    pipeline(browser, server, () => {});
    pipeline(server, browser, () => {});
  });
  browser.on('close', () => onward.destroy());
  onward.end();
}

/** Answers one who asks for another protocol, and hears no more of him. */
export function refuseUpgrade(browser: Duplex, status: number): void {
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`;
  browser.end(`${head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => browser.destroy());
}

/** Of an answer that opens a WebSocket only what makes one (RFC 6455 4.2.2). */
function webSocketHeaders(raw: readonly string[]): [string, string][] {
  const wanted = ['sec-websocket-accept', 'sec-websocket-extensions', 'sec-websocket-protocol'];
  const kept: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const [name = '', value = ''] = raw.slice(index, index + 2);
    if (wanted.includes(name.toLowerCase())) kept.push([name, value]);
  }
  return kept;
}
