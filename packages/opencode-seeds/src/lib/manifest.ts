import type { SeedManifest } from '@optio-ts/seed-engine';

import { OpencodeSeedError } from './errors.ts';

/** opencode's logins, relative to the home. */
export const AUTH_FILE = '.local/share/opencode/auth.json';

/** opencode's configuration, relative to the home. */
export const CONFIG_FILE = '.config/opencode/opencode.json';

/** opencode's plugins, relative to the home. */
export const PLUGINS_DIRECTORY = '.config/opencode/plugins';

/** What a seed of opencode 1.x consists of. Names, version and list are those of optio-opencode 0.1.6. */
export const opencodeManifest: SeedManifest = {
  collection: { name: 'opencode_seeds' },
  version: 1,
  include: [AUTH_FILE, CONFIG_FILE, PLUGINS_DIRECTORY],
  agent: 'opencode',
};

/**
 * Returns the manifest for a version of opencode. Each major version keeps its login in its own way, so one that is not known is
 * refused with `VERSION_UNSUPPORTED` instead of giving a seed without a login. No version means the original's, which only
 * knew 1.x.
 */
export function manifestFor(opencodeVersion: string | undefined): SeedManifest {
  if (opencodeVersion === undefined || /^1\.\d+\.\d+(?:[-+].*)?$/.test(opencodeVersion)) {
    return opencodeManifest;
  }
  throw new OpencodeSeedError(
    'VERSION_UNSUPPORTED',
    `Seeds of opencode ${JSON.stringify(opencodeVersion.slice(0, 40))} are not known; this release knows those of 1.x`,
  );
}
