import type { Seed } from '@optio-ts/seed-engine';

import { WorkerError } from '../errors.ts';
import { formatMinute } from '../output.ts';
import { formatBytes } from '../report/figures.ts';

/** The seed, or the error that says that there is none of that id. */
export function found(id: string, seed: Seed | undefined): Seed {
  if (seed !== undefined) return seed;
  throw new WorkerError('NOT_FOUND', `there is no seed ${JSON.stringify(id)}; optio seeds ls shows what there is`);
}

/** What keeps a seed from being used, in a word. */
export function stateOf({ isExpired, lease, problem, quarantine }: Seed): string {
  if (problem !== undefined) return 'broken';
  if (quarantine !== undefined) return 'cannot be opened';
  if (isExpired) return 'expired';
  return lease !== undefined && lease.expiresAt > new Date() ? 'in use' : '';
}

/** What is known of a seed, for people. */
export function factsOf(seed: Seed): readonly (readonly [string, string])[] {
  const facts: (readonly [string, string | undefined])[] = [
    ['seed', seed.id],
    ['label', seed.label],
    ['model', seed.model],
    ['made', formatMinute(seed.createdAt)],
    ['expires', seed.expiresAt && `${formatMinute(seed.expiresAt)}${seed.isExpired ? ' (over)' : ''}`],
    ['opencode', seed.agentVersion],
    ['sealed with', seed.cipher],
    ['size', seed.sizeBytes === undefined ? undefined : formatBytes(seed.sizeBytes)],
    ['content', seed.contentVersion === 1 ? undefined : `version ${seed.contentVersion}: its login has rotated`],
    ['login', seed.isExclusive === true ? 'rotates: one session at a time' : undefined],
    ['in use', seed.lease && `by ${seed.lease.holder} until ${seed.lease.expiresAt.toISOString()}`],
    ['cannot be opened', seed.quarantine && 'see optio seeds verify'],
    ['problem', seed.problem],
  ];
  return facts.flatMap(([word, text]) => (text === undefined ? [] : [[word, text] as const]));
}
