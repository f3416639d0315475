import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** Answers one request. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A server of files on loopback. */
export interface DownloadServer extends AsyncDisposable {
  readonly port: number;
  /** Without a slash at its end. */
  readonly url: string;
  readonly requests: readonly IncomingMessage[];
}

/** Starts a server that answers by path; what is not named is a 404. */
export async function startDownloadServer(
  answers: Readonly<Record<string, Answer>>,
  tls?: { readonly key: string; readonly cert: string },
): Promise<DownloadServer> {
  const requests: IncomingMessage[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push(request);
    // Clients go away in the middle: that is what is tried.
    response.on('error', () => undefined);
    const answer = answers[(request.url ?? '').replace(/\?.*/, '')];
    if (answer === undefined) response.writeHead(404).end('nothing here');
    else answer(response, request);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Sends all of it, and its length first. */
export const whole =
  (content: Uint8Array): Answer =>
  (response) =>
    response.writeHead(200, { 'content-length': content.byteLength }).end(content);

/** Sends us elsewhere, with a body that is no file. */
export const redirect =
  (location: string, status = 302): Answer =>
  (response) =>
    response.writeHead(status, { location }).end('moved');

/** Begins to send `content`, of which `before` is not all, and then does something. */
export const partOf =
  (content: Uint8Array, before: number, then: Answer): Answer =>
  (response, request) => {
    response.writeHead(200, { 'content-length': content.byteLength });
    response.write(content.subarray(0, before), () => then(response, request));
  };
