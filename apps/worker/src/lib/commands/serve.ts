import { fileURLToPath } from 'node:url';

import { openDashboard } from '../dashboard/open-dashboard.ts';
import { newKeyNotice, openStore } from '../open-store.ts';
import { printableLine } from '../printable.ts';
import { keepPruned } from '../sessions/keep-pruned.ts';
import type { CommandContext } from './context.ts';

/** What `optio serve` can be told on the command line. */
export interface ServeOptions {
  readonly port?: number;
  readonly json?: boolean;
}

/** `optio serve`: the dashboard, until Ctrl-C. The sessions that were started in it are ended then, and waited for. */
export async function serveCommand(
  _args: readonly string[],
  options: ServeOptions,
  context: CommandContext,
): Promise<number> {
  const { interrupts, places, stderr, stdout } = context;
  const note = (message: string): void => void stderr.write(`${printableLine(message, 1000)}\n`);
  await using opened = await openStore(places);
  if (opened.isNew) note(newKeyNotice(places));
  using _pruning = keepPruned(opened.store, context, { info: note, error: note });
  await using dashboard = await openDashboard({
    context,
    opened,
    pageDirectory: pageDirectory(),
    port: options.port,
    onNote: note,
  });
  const { url } = dashboard;
  stdout.write(options.json === true ? `${JSON.stringify({ type: 'dashboard', url })}\n` : `${url}\n`);
  note('Open this link in a browser on this machine; whoever has it has the dashboard. Ctrl-C ends it.');
  const { abortSignal } = interrupts;
  if (!abortSignal.aborted)
    await new Promise((resolve) => abortSignal.addEventListener('abort', resolve, { once: true }));
  note('ending the sessions of the dashboard in good order; press Ctrl-C again to end them at once');
  await dashboard.live.ended();
  return 0;
}

/** Where the build has put the page: beside the code, or, run from its sources, where the last build has left it. */
function pageDirectory(): string {
  const isBuilt = !import.meta.url.endsWith('.ts');
  return fileURLToPath(new URL(isBuilt ? './dashboard/' : '../../../dist/dashboard/', import.meta.url));
}
