import { OpencodeInstallError } from './errors.ts';

/** Where a package's tarball is, and what it must be. */
export interface PackageTarball {
  readonly url: string;
  /** `sha512-…` */
  readonly integrity: string;
}

/** The place where registries keep a tarball by convention; most need no look at the metadata for it. */
export function conventionalTarballUrl(registry: string, name: string, version: string): string {
  const file = name.slice(name.lastIndexOf('/') + 1);
  return `${withSlash(registry)}${name}/-/${file}-${version}.tgz`;
}

/** The metadata of a package. The slash of a scoped name is escaped, as npm does it. */
export function metadataUrl(registry: string, name: string): string {
  return `${withSlash(registry)}${name.replace('/', '%2f')}`;
}

/**
 * Reads the tarball of one version out of a registry's metadata.
 *
 * Throws `VERSION_NOT_FOUND`, and `PACKAGE_INVALID` for a registry that gives no sha512 or no usable address.
 */
export function tarballOf(
  metadata: unknown,
  request: { readonly name: string; readonly version: string; readonly registry: string },
): PackageTarball {
  const { name, registry, version } = request;
  const dist = field(field(field(metadata, 'versions'), version), 'dist');
  if (dist === undefined) {
    throw new OpencodeInstallError(
      'VERSION_NOT_FOUND',
      `${registry} has no ${name}@${version}; ask for another version, or use a binary that is already on the host`,
    );
  }
  const integrity = sha512Of(field(dist, 'integrity'));
  const url = field(dist, 'tarball');
  if (integrity === undefined) {
    throw new OpencodeInstallError('PACKAGE_INVALID', `${registry} gives no sha512 for ${name}@${version}`);
  }
  if (typeof url !== 'string' || !/^https?:/.test(url) || !URL.canParse(url)) {
    throw new OpencodeInstallError('PACKAGE_INVALID', `${registry} gives no address for ${name}@${version}`);
  }
  return { url, integrity };
}

/**
 * Moves an address to the configured registry, by npm's `replace-registry-host`: mirrors often hand out metadata that still
 * points to the registry they copy.
 */
export function replaceRegistryHost(url: string, registry: string, rule: unknown): string {
  const from = new URL(url);
  const to = new URL(registry);
  const host = rule === undefined || rule === 'npmjs' ? 'registry.npmjs.org' : rule;
  if (host === 'never' || (host !== 'always' && host !== from.hostname)) return url;
  // Of the configured registry's path only what the address does not have already.
  const path = to.pathname.replace(/\/$/, '');
  const isUnderPath = path === '' || from.pathname.startsWith(`${path}/`);
  return `${to.origin}${isUnderPath ? '' : path}${from.pathname}${from.search}`;
}

/** The sha512 of a subresource integrity string, which may hold several digests. */
function sha512Of(integrity: unknown): string | undefined {
  if (typeof integrity !== 'string') return undefined;
  return integrity
    .split(/\s+/)
    .map((digest) => digest.replace(/\?.*$/, ''))
    .find((digest) => /^sha512-[A-Za-z0-9+/]{86}==$/.test(digest));
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

function withSlash(registry: string): string {
  return registry.endsWith('/') ? registry : `${registry}/`;
}
