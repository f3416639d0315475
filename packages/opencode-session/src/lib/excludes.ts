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

/** What the original leaves in a workdir for its own use: the password of a server that is gone, copies of session and seed. */
export const ORIGINAL_SCRATCH: RegExp =
  /^(?:\.opencode-password|\.opencode-export\.json|\.optio-seed-(?:capture|restore)\.tar\.gz)$/;

/** The patterns that the agent is told of: what of its files is not kept. */
export function effectiveExcludes(given: readonly string[] | undefined): readonly string[] {
  return given ?? DEFAULT_EXCLUDES;
}

/** Everything that a snapshot leaves out of the workdir: for the original only what it leaves out itself. */
export function snapshotExcludes(
  given: readonly string[] | undefined,
  compat: 'optio-0.1' | undefined,
): readonly string[] {
  const told = effectiveExcludes(given);
  return compat === undefined ? [...told, ...SCRATCH, ...LOGIN_FILES] : told;
}
