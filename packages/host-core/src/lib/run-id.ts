import { randomBytes } from 'node:crypto';

/**
 * The environment variable by which everything a host starts can be found again, whatever became of its process group.
 * A caller's `env` may set it: then that value counts.
 */
export const RUN_ID_VARIABLE = 'OPTIO_RUN_ID';

const runIdLength = 24;

/**
 * Makes a run id: 24 random hex digits. A `prefix` of hex digits (at most 12) is kept in front, so that a host object can
 * find all it started by the prefix they share.
 */
export function createRunId(prefix = ''): string {
  return (prefix + randomBytes(runIdLength / 2).toString('hex')).slice(0, runIdLength);
}
