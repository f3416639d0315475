import { DEFAULT_EXCLUDES } from '@optio-ts/host-core';

/** What a session makes again at each start, or what only counts where it was made. */
const SCRATCH: readonly string[] = [
  'home/.cache',
  'home/.npm',
  'home/.local/state',
  'home/.local/share/opencode/log',
  'home/.local/share/opencode/snapshot',
  'home/.config/opencode/node_modules',
];

/** opencode's logins, in the workdir: they are kept in a blob of their own. */
export const LOGIN_FILES: readonly string[] = [
  'home/.local/share/opencode/auth.json',
  'home/.local/share/opencode/mcp-auth.json',
];

/** The patterns that the agent is told of: what of its files is not kept. */
export function effectiveExcludes(given: readonly string[] | undefined): readonly string[] {
  return given ?? DEFAULT_EXCLUDES;
}

/** Everything that a snapshot leaves out of the workdir. */
export function snapshotExcludes(given: readonly string[] | undefined): readonly string[] {
  return [...effectiveExcludes(given), ...SCRATCH, ...LOGIN_FILES];
}
