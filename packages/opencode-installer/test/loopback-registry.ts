import { createHash } from 'node:crypto';
import { request as forward } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

import { startHttpServer } from '@optio-ts/testkit';
import { pack } from 'tar-stream';

/** What a server was asked. */
interface SeenRequest {
  readonly url: string;
  readonly authorization: string | undefined;
  /** Who asks: `curl/8.0`, `npm/…`. */
  readonly agent: string | undefined;
}

/** How a registry sends a tarball. Resolves or not; the response is its own to end. */
type SendTarball = (response: ServerResponse, tarball: Buffer) => void;

/** A running server on loopback. */
export interface LoopbackServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly SeenRequest[];
}

/** Options of `startRegistry`. */
export interface RegistryOptions {
  /** Tarballs by `name@version`. */
  readonly packages: Readonly<Record<string, Buffer>>;
  /** The digest that the metadata claims. @default the true one */
  readonly integrity?: string;
  /** A bearer token that every request must carry. */
  readonly token?: string;
  /** @default the whole tarball, with its length */
  readonly send?: SendTarball;
  /** Keeps tarballs at another address than the conventional one. */
  readonly hasOwnLayout?: boolean;
  /** How the metadata names this registry. @default its own address */
  readonly publicUrl?: string;
}

/** A small npm registry: metadata and tarballs, nothing else. */
export async function startRegistry(options: RegistryOptions): Promise<LoopbackServer> {
  const { hasOwnLayout = false, integrity, packages, publicUrl, send = sendWhole, token } = options;
  const tarballPath = (id: string): string => {
    const at = id.lastIndexOf('@');
    const name = id.slice(0, at);
    const file = `${name.slice(name.lastIndexOf('/') + 1)}-${id.slice(at + 1)}.tgz`;
    return hasOwnLayout ? `/download/${file}` : `/${name}/-/${file}`;
  };
  return listen((request, response, base) => {
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end();
      return;
    }
    const path = decodeURIComponent(new URL(request.url ?? '/', base).pathname);
    const versions = Object.entries(packages).filter(([id]) => id.slice(0, id.lastIndexOf('@')) === path.slice(1));
    if (versions.length > 0) {
      const metadata = Object.fromEntries(
        versions.map(([id, tarball]) => [
          id.slice(id.lastIndexOf('@') + 1),
          {
            dist: {
              integrity: integrity ?? integrityOf(tarball),
              tarball: `${publicUrl ?? base}${tarballPath(id)}`,
            },
          },
        ]),
      );
      response.end(JSON.stringify({ versions: metadata }));
      return;
    }
    const tarball = Object.entries(packages).find(([id]) => tarballPath(id) === path)?.[1];
    if (tarball === undefined) response.writeHead(404).end('{}');
    else send(response, tarball);
  });
}

/** A proxy for plain HTTP that takes every request to `target`, whatever host it names. */
export async function startProxy(target: LoopbackServer): Promise<LoopbackServer> {
  return listen((request, response) => {
    const { pathname } = new URL(request.url ?? '/');
    forward(`${target.url}${pathname}`, { headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    }).end();
  });
}

/** A gzip'd package with one executable in it. */
export async function packageOf(member: string, content: Buffer | string): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'package/package.json' }, '{}');
  tar.entry({ name: member, mode: 0o755 }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  return gzipSync(Buffer.concat(chunks));
}

/** The digest that a registry gives for a tarball. */
function integrityOf(tarball: Buffer): string {
  return `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
}

const sendWhole: SendTarball = (response, tarball) => {
  response.writeHead(200, { 'content-length': tarball.length }).end(tarball);
};

/** Starts an HTTP server on loopback. */
export async function listen(
  answer: (request: IncomingMessage, response: ServerResponse, base: string) => void,
): Promise<LoopbackServer> {
  const requests: SeenRequest[] = [];
  const server = await startHttpServer((request, response) => {
    requests.push({
      url: request.url ?? '',
      authorization: request.headers.authorization,
      agent: request.headers['user-agent'],
    });
    answer(request, response, server.url);
  });
  const { url, port } = server;
  return { url, port, requests, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
