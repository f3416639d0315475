import { createHash } from 'node:crypto';

import { startHttpServer } from '@optio-ts/testkit';

import type { ReleasedPackage } from './pack-release.ts';

/** A registry that has packages of ours, and no others. */
export interface Registry extends AsyncDisposable {
  /** With a slash at its end. */
  readonly url: string;
}

/** Serves packages as the npm registry would once they are published. */
export async function startRegistry(packages: readonly ReleasedPackage[]): Promise<Registry> {
  const server = await startHttpServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://127.0.0.1').pathname).slice(1);
    const found = packages.find(({ manifest: { name } }) => path === name || path === `${name}/-/package.tgz`);
    if (found === undefined) response.writeHead(404).end('{}');
    else if (path !== found.manifest.name) response.end(found.tarball);
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(describe(found, url())));
  });
  const url = (): string => `${server.url}/`;
  return { url: url(), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function describe({ manifest, tarball }: ReleasedPackage, registry: string): object {
  const { name, version } = manifest;
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const dist = { integrity, tarball: `${registry}${name}/-/package.tgz` };
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } };
}
