import { opencodeSeeds } from '@optio-ts/opencode-seeds';

import { withStore } from '../open-store.ts';
import { formatMinute, printList } from '../output.ts';
import type { CommandContext } from './context.ts';

/** What `optio seeds ls` can be told on the command line. */
export interface ListSeedsOptions {
  readonly json?: boolean;
}

/** `optio seeds ls`: what there is to start from, newest first. Returns the exit code. */
export async function listSeedsCommand(
  _args: readonly string[],
  options: ListSeedsOptions,
  context: CommandContext,
): Promise<number> {
  const seeds = await withStore(context, (opened) => opencodeSeeds(opened).list());
  printList(context, seeds, {
    json: options.json,
    columns: (seed) => [seed.id, formatMinute(seed.createdAt), seed.model ?? '-', seed.label ?? ''],
  });
  if (seeds.length === 0 && options.json !== true) {
    context.stderr.write('There are no seeds yet; saveSeed: true in a task file keeps one.\n');
  }
  return 0;
}
