import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { ReleasedPackage } from './pack-release.ts';

/** A registry that has packages of ours, and no others. */
export interface Registry extends AsyncDisposable {
  /** With a slash at its end. */
  readonly url: string;
}

/** Serves packages as the npm registry would once they are published. */
export async function startRegistry(packages: readonly ReleasedPackage[]): Promise<Registry> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://127.0.0.1').pathname).slice(1);
    const found = packages.find(({ manifest: { name } }) => path === name || path === `${name}/-/package.tgz`);
    if (found === undefined) response.writeHead(404).end('{}');
    else if (path !== found.manifest.name) response.end(found.tarball);
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(describe(found, url())));
  });
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: url(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function describe({ manifest, tarball }: ReleasedPackage, registry: string): object {
  const { name, version } = manifest;
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const dist = { integrity, tarball: `${registry}${name}/-/package.tgz` };
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } };
}
