import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request as forward } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A provider's address, answered by a model on loopback. */
export interface ModelBehindProxy extends AsyncDisposable {
  /** Leads a program there: a proxy for HTTPS, and the authority that it is to trust. */
  readonly env: Readonly<Record<string, string>>;
}

/** Options of `startModelBehindProxy`. */
export interface ModelBehindProxyOptions {
  /** For the keys; emptied by its owner. */
  readonly directory: string;
  /** The provider's host name. Whatever else is asked for is refused. */
  readonly name: string;
  /** Where the model listens. */
  readonly url: string;
}

/** Lets code that names a real provider, and nothing else, be answered by a model of ours: the code stays as it is written. */
export async function startModelBehindProxy(options: ModelBehindProxyOptions): Promise<ModelBehindProxy> {
  const { directory, name, url } = options;
  const [key, certificate] = [join(directory, 'proxy.key'), join(directory, 'proxy.pem')];
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await run('openssl', ['req', ...kind, '-keyout', key, '-out', certificate, ...subject]);
  const provider = createTlsServer(
    { key: await readFile(key), cert: await readFile(certificate) },
    (request, response) => {
      const path = (request.url ?? '/').replace(/^\/(?:v1\/)?/, '/v1/');
      const onward = forward(`${url}${path}`, { method: request.method, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    },
  );
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const { port } = provider.address() as AddressInfo;

  const proxy = createServer((_request, response) => response.writeHead(403).end());
  proxy.on('connect', (request, socket) => {
    socket.on('error', () => socket.destroy());
    if (request.url !== `${name}:443`) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address() as AddressInfo;
  return {
    env: { HTTPS_PROXY: `http://127.0.0.1:${address.port}`, NO_PROXY: '127.0.0.1', NODE_EXTRA_CA_CERTS: certificate },
    async [Symbol.asyncDispose]() {
      proxy.close();
      provider.closeAllConnections();
      provider.close();
      proxy.closeAllConnections();
    },
  };
}
