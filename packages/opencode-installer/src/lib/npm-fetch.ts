import npmFetch from 'npm-registry-fetch';

import type { NpmSettings } from './npm-config.ts';
import { conventionalTarballUrl, metadataUrl, replaceRegistryHost, tarballOf } from './npm-package.ts';
import type { PackageTarball } from './npm-package.ts';
import { readBounded } from './read-bounded.ts';
import { displayUrl } from './redact.ts';
import { openUrl } from './web-download.ts';
import type { WebDownload, WebRequest } from './web-download.ts';

/** What is asked of the registry. */
export interface NpmRequest {
  readonly name: string;
  readonly version: string;
  readonly settings: NpmSettings;
  readonly abortSignal?: AbortSignal | undefined;
}

/** More than the metadata of any package has. */
const maxMetadataBytes = 64 * 1024 ** 2;

/** Asks the registry what a version's tarball is. Throws `VERSION_NOT_FOUND`, `REGISTRY_REFUSED`, `DOWNLOAD_FAILED`. */
export async function findTarball(request: NpmRequest): Promise<PackageTarball> {
  const { name, settings, version } = request;
  const registry = registryOf(request);
  const { content } = await openUrl(metadataUrl(registry, name), toWeb(request), {
    // The short form, made for installing.
    accept: 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8',
  });
  const metadata = await readBounded(content, maxMetadataBytes, `The metadata of ${name}`);
  const tarball = tarballOf(parse(metadata), {
    name,
    version,
    registry: displayUrl(registry),
  });
  return {
    ...tarball,
    url: replaceRegistryHost(tarball.url, registry, settings['replaceRegistryHost']),
  };
}

/** Where registries keep a tarball by convention. */
export function conventionalUrl(request: NpmRequest): string {
  return conventionalTarballUrl(registryOf(request), request.name, request.version);
}

/** Starts to download a tarball: from `url`, or from where registries keep it by convention. */
export async function openTarball(request: NpmRequest, url?: string): Promise<WebDownload> {
  return openUrl(url ?? conventionalUrl(request), toWeb(request));
}

function toWeb({ abortSignal, name, settings, version }: NpmRequest): WebRequest {
  return { what: `${name}@${version}`, packageName: name, settings, abortSignal };
}

function registryOf({ name, settings }: NpmRequest): string {
  return npmFetch.pickRegistry(name, settings).trim();
}

function parse(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    // Not JSON is as good as no metadata: the caller says what is missing.
    return undefined;
  }
}
