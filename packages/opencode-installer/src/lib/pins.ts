/** A package of the npm registry, named exactly, with the digest of its tarball. */
interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** Subresource integrity string, always `sha512-…`. */
  readonly integrity: string;
}

/** The opencode that is installed unless another version is asked for. */
export const OPENCODE_VERSION = '1.18.33';

/** The ripgrep that is installed where a host has none. */
export const RIPGREP_VERSION = '1.18.0';

/**
 * Digests that were compared with the registry when this list was written. What is not in it is taken on the word of the
 * registry's metadata, with a warning. A new default version means new lines here and nowhere else.
 */
const pinnedPackages: readonly PinnedPackage[] = [
  {
    name: 'opencode-linux-x64',
    version: '1.18.33',
    integrity: 'sha512-q/t/3p2CTxOT9y2kvjesb/LZab2+1eqlhhWA02Be6mjTtmYtNBcBsrI5yDo4Fw7ZSPBW2oyMIGMNRqiKQjiAWw==',
  },
  {
    name: 'opencode-linux-x64-baseline',
    version: '1.18.33',
    integrity: 'sha512-1KQGBiiDDeL/VHHbHkOvvFo8Jr97WT5+C1tear+p7IcDTnXgVHXqIjU4O4jM4mHQzykTP2i884FCnW5LDa+zCA==',
  },
  {
    name: '@vscode/ripgrep-linux-x64',
    version: '1.18.0',
    integrity: 'sha512-mQ3bVrUpnD2vs7QT0vX90Lt0cnUq467uFtEktIdsJJmW296RoSULRGqWgzG1AKxyBpNDD6l4ZO4qKf6SgyC23Q==',
  },
  {
    name: '@vscode/ripgrep-linux-arm64',
    version: '1.18.0',
    integrity: 'sha512-lQ/5zTG++U0E3IhVgS4EPTTn/U4okncaRMM5GOFfOYZywS4nuD31GhkHbNYlDk5CuDC68+hYJ0/eQeyCKJDA+g==',
  },
];

/** Returns the pinned digest of a package, or `undefined` for one that is not in the list. */
export function pinnedIntegrity(name: string, version: string): string | undefined {
  return pinnedPackages.find((pinned) => pinned.name === name && pinned.version === version)?.integrity;
}
