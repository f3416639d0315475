import { createRunId, runChecked, shellScript } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

import { chooseEvicted } from './choose-evicted.ts';
import type { CachedProgram, EvictionPolicy } from './choose-evicted.ts';
import { evictScript, listScript } from './evict-scripts.ts';

/** Options of `evictPrograms`. */
export interface EvictProgramsOptions {
  /** Absolute cache directory on the host. */
  readonly directory: string;
  /** Name of the directory that must stay. */
  readonly wanted: string;
  readonly policy: EvictionPolicy;
  readonly abortSignal?: AbortSignal | undefined;
}

/**
 * Removes versions of opencode that were not asked for for the longest time. Never one that a process runs, one that
 * was asked for within the last hour (its session may be about to start), or anything that was not installed by this package.
 * Two trips, the second only when there is something to remove. Returns the names of what was removed.
 */
export async function evictPrograms(host: Host, options: EvictProgramsOptions): Promise<readonly string[]> {
  const { abortSignal, directory, policy, wanted } = options;
  const signal = abortSignal === undefined ? {} : { abortSignal };
  const what = 'Look for old versions of opencode';
  const listed = await runChecked(host, shellScript(listScript, directory), { what, ...signal });
  const names = chooseEvicted(readCached(listed.stdout.toString('utf8')), wanted, policy);
  if (names.length === 0) return [];
  const removed = await runChecked(host, shellScript(evictScript, directory, createRunId(), ...names), {
    what: 'Remove old versions of opencode',
    ...signal,
  });
  return removed.stdout
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/** Reads lines of `<name> <KiB> free|held`. What is none, a name with a line break for instance, is left out, and so stays. */
export function readCached(output: string): readonly CachedProgram[] {
  return output.split('\n').flatMap((line) => {
    const [, name, size, state] = /^([A-Za-z0-9._-]+) (\d+) (free|held)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, sizeBytes: Number(size) * 1024, isHeld: state === 'held' }];
  });
}
