import { opencodeSeeds } from '@optio-ts/opencode-seeds';
import { listSessionDocuments, listSnapshots } from '@optio-ts/seed-engine';

import type { Completion } from '../command-line/command-spec.ts';
import type { CommandContext } from '../commands/context.ts';
import { LOCAL_HOST } from '../hosts/open-host.ts';
import { withStore } from '../open-store.ts';
import { stateOf } from '../sessions/find-session.ts';
import type { Candidate } from './complete.ts';

/** So many are offered: nobody reads more. */
const MOST = 50;

/** What there is of a kind, for completion. `undefined` for paths, which the shell knows better. */
export async function lookUp(
  kind: Completion,
  context: Pick<CommandContext, 'config' | 'places'>,
): Promise<readonly Candidate[] | undefined> {
  switch (kind) {
    case 'file':
    case 'directory':
      return undefined;
    case 'host':
      return [
        { word: LOCAL_HOST, summary: 'this machine' },
        ...Array.from(context.config.hosts.values(), ({ name, ssh }) => ({ word: name, summary: ssh })),
      ];
    case 'seed':
      return withStore(context, async (opened) =>
        (await opencodeSeeds(opened).list())
          .slice(0, MOST)
          .map(({ id, label, model }) => ({ word: id, summary: [label, model].filter(Boolean).join(', ') })),
      );
    case 'session':
      return withStore(context, async ({ store }) => {
        const found = new Map<string, string>();
        const now = new Date();
        for await (const session of listSessionDocuments(store, { limit: MOST })) {
          if (!found.has(session.taskId)) found.set(session.taskId, stateOf(session, now));
        }
        return Array.from(found, ([word, summary]) => ({ word, summary }));
      });
    case 'snapshot':
      return withStore(context, async ({ store }) => {
        const found: Candidate[] = [];
        for await (const { id, taskId } of listSnapshots(store, 'opencode')) {
          found.push({ word: id, summary: taskId });
          if (found.length === MOST) break;
        }
        return found;
      });
    default:
      return kind satisfies never;
  }
}
