import { WorkerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { withStoreToChange } from '../open-store.ts';
import { formatMinute, printList } from '../output.ts';
import { pruneStore } from '../sessions/prune-store.ts';
import type { PrunedItem } from '../sessions/prune-store.ts';
import type { CommandContext } from './context.ts';

/** What `optio prune` can be told. */
export interface PruneCommandOptions {
  readonly json?: boolean;
  readonly olderThan?: number;
  readonly keep?: number;
  readonly snapshots?: boolean;
  readonly dryRun?: boolean;
}

/** `optio prune`: removes what has ended and is old. */
export async function pruneCommand(
  _args: readonly string[],
  { dryRun, json, keep, olderThan, snapshots }: PruneCommandOptions,
  context: CommandContext,
): Promise<number> {
  if (olderThan === undefined && keep === undefined) {
    throw new WorkerError(
      'REFUSED',
      'say what may go: --older-than 30d, --keep 100, or both; --dry-run shows it and removes nothing',
    );
  }
  const { interrupts, places, stderr } = context;
  const { keptForResume, removed } = await withStoreToChange(context, ({ store }) =>
    pruneStore({
      store,
      logs: places.logs,
      olderThanMs: olderThan,
      keep,
      snapshots,
      isDryRun: dryRun,
      abortSignal: interrupts.abortSignal,
    }),
  );
  const word = dryRun === true ? 'would go' : 'removed';
  printList(
    context,
    removed.map((item) => ({ type: dryRun === true ? ('would-remove' as const) : ('removed' as const), ...item })),
    {
      json,
      columns: ({ at, id, kind, taskId }) => [
        word,
        NOUNS[kind],
        id,
        at === undefined ? '' : formatMinute(at),
        taskId === undefined || taskId === id ? '' : taskId,
      ],
    },
  );
  if (json !== true) {
    if (removed.length === 0) stderr.write('There is nothing to remove.\n');
    if (keptForResume > 0) {
      const what = keptForResume === 1 ? '1 old session stays' : `${keptForResume} old sessions stay`;
      stderr.write(`${what}, to be resumed; --snapshots removes them with what they would go on from.\n`);
    }
  }
  return EXIT_CODES.done;
}

const NOUNS: Readonly<Record<PrunedItem['kind'], string>> = {
  session: 'session',
  'queued-task': 'queued task',
  task: 'record of task',
  snapshot: 'snapshot',
  log: 'log',
};
