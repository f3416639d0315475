import { opencodeSeeds } from '@optio-ts/opencode-seeds';

import { WorkerError, messageOf } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { withStore, withStoreToChange } from '../open-store.ts';
import { formatMinute, printFacts, printList } from '../output.ts';
import { printableLine } from '../printable.ts';
import { formatBytes } from '../report/figures.ts';
import { resealWorkerDocuments } from '../sessions/reseal-worker-documents.ts';
import type { CommandContext } from './context.ts';
import { factsOf, found, stateOf } from './seed-facts.ts';

/** What every command about seeds can be told. */
export interface SeedsOptions {
  readonly json?: boolean;
}

/** `optio seeds ls`: what there is to start from, newest first. */
export async function listSeedsCommand(
  _args: readonly string[],
  options: SeedsOptions,
  context: CommandContext,
): Promise<number> {
  const seeds = await withStore(context, (opened) => opencodeSeeds(opened).list());
  printList(context, seeds, {
    json: options.json,
    columns: (seed) => [seed.id, formatMinute(seed.createdAt), seed.model ?? '-', stateOf(seed), seed.label ?? ''],
  });
  if (seeds.length === 0 && options.json !== true) {
    context.stderr.write(
      'There are no seeds yet; saveSeed: true in a task file keeps one, optio seeds capture another.\n',
    );
  }
  return EXIT_CODES.done;
}

/** `optio seeds show <id>`: what is known of a seed without opening it. */
export async function showSeedCommand(
  [id = '']: readonly string[],
  { json }: SeedsOptions,
  context: CommandContext,
): Promise<number> {
  const seed = await withStore(context, async (opened) => found(id, await opencodeSeeds(opened).get(id)));
  printFacts(context, seed, { json, facts: factsOf(seed) });
  return EXIT_CODES.done;
}

/** `optio seeds verify [id...]`: reads, opens and checks seeds. 5 when one is not sound. */
export async function verifySeedsCommand(
  ids: readonly string[],
  { json }: SeedsOptions,
  context: CommandContext,
): Promise<number> {
  const { abortSignal } = context.interrupts;
  const results = await withStore(context, async (opened) => {
    const seeds = opencodeSeeds(opened);
    const known = await seeds.list();
    const chosen = ids.length === 0 ? known.map(({ id }) => id) : ids;
    for (const id of chosen)
      found(
        id,
        known.find((seed) => seed.id === id),
      );
    const verified = [];
    for (const id of chosen) verified.push({ id, ...(await seeds.verify(id, { abortSignal })) });
    return verified;
  });
  const items = results.map(({ activeContent, error, id, isSound, logins, members, sizeBytes }) => ({
    type: 'verification',
    id,
    isSound,
    ...(error === undefined ? {} : { problem: printableLine(messageOf(error)) }),
    logins,
    members,
    activeContent,
    sizeBytes,
  }));
  printList(context, items, {
    json,
    columns: ({ activeContent, id, isSound, logins, problem, sizeBytes }) => [
      id,
      isSound ? 'sound' : 'not sound',
      formatBytes(sizeBytes),
      problem ?? logins.map(({ provider, type }) => `${provider} (${type})`).join(', '),
      activeContent.length === 0 ? '' : `can run code: ${activeContent.join(', ')}`,
    ],
  });
  return items.every(({ isSound }) => isSound) ? EXIT_CODES.done : EXIT_CODES.store;
}

/** `optio seeds rotate`: seals all that the store holds anew, for the keys it has by now. 5 when something cannot be opened. */
export async function rotateSeedsCommand(
  _args: readonly string[],
  { json }: SeedsOptions,
  context: CommandContext,
): Promise<number> {
  const { abortSignal } = context.interrupts;
  const { own, report } = await withStoreToChange(context, async (opened) => ({
    own: await resealWorkerDocuments(opened, abortSignal),
    report: await opencodeSeeds(opened).rotate({ abortSignal }),
  }));
  printFacts(
    context,
    { ...report, records: own },
    {
      json,
      facts: [
        ['sealed anew', `${report.resealed}, and ${own.resealed} records of tasks and sessions`],
        ...(own.unreadable === 0
          ? []
          : [['cannot be opened', `${own.unreadable} records of tasks and sessions`] as const]),
        ['up to date', String(report.upToDate)],
        ...report.unreadable.map(({ id, kind, reason }) => ['cannot be opened', `${kind} ${id}: ${reason}`] as const),
        ...report.retired.map((key) => ['no longer needed', key] as const),
        ...report.retiring.map((key) => ['still needed', key] as const),
      ],
    },
  );
  return report.unreadable.length === 0 ? EXIT_CODES.done : EXIT_CODES.store;
}

/** What `optio seeds rm` can be told. */
export interface RemoveSeedsOptions extends SeedsOptions {
  readonly expired?: boolean;
}

/** `optio seeds rm [id...]`: removes seeds, all of those named or none. */
export async function removeSeedsCommand(
  ids: readonly string[],
  options: RemoveSeedsOptions,
  context: CommandContext,
): Promise<number> {
  if ((ids.length === 0) === (options.expired !== true)) {
    throw new WorkerError('REFUSED', 'name seeds by their ids, or say --expired, and not both');
  }
  const removed = await withStoreToChange(context, async (opened) => {
    const seeds = opencodeSeeds(opened);
    if (options.expired === true) return seeds.purgeExpired();
    const chosen = [...new Set(ids)];
    for (const id of chosen) found(id, await seeds.get(id));
    for (const id of chosen) await seeds.purge(id);
    return chosen;
  });
  printList(
    context,
    removed.map((id) => ({ type: 'removed', id })),
    { json: options.json, columns: ({ id }) => ['removed', id] },
  );
  return EXIT_CODES.done;
}
