import { agentSessionFiles } from '@optio-ts/agents-session';
import { createExcludeMatcher, DEFAULT_EXCLUDES } from '@optio-ts/host-core';

/** The agent's home with its login, and what a session keeps of its own in a workdir. */
const OURS = /^(?:home|deliverables|optio\.log(?:\.old)?|resume\.log|AGENTS(?:\.project)?\.md|opencode\.json)(?:\/|$)/;

/** The shims that keep an agent from opening browsers. Their directory is left to who has files of their own in it. */
const SHIMS: ReadonlySet<string> = new Set([
  'bin',
  ...agentSessionFiles({ protocol: { browser: 'suppress' }, workdir: '/' }).map(({ path }) => path),
]);

/** Whether a path of a working directory is one that optio or the agent's home has put there. */
export function isOwnFile(path: string): boolean {
  return OURS.test(path) || SHIMS.has(path);
}

const isExcluded = createExcludeMatcher(DEFAULT_EXCLUDES);

/** Whether a path is compared for a patch: not what snapshots leave out, which would seem to be gone. */
export function isCompared(path: string): boolean {
  // No pattern among the usual ones is for directories alone.
  return !isOwnFile(path) && !isExcluded(path, false);
}
