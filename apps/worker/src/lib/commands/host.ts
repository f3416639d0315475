import { messageOf } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { HostReport } from '../hosts/host-report.ts';
import { openHost } from '../hosts/open-host.ts';
import { withStore } from '../open-store.ts';
import { printFacts, printList } from '../output.ts';
import { printableLine } from '../printable.ts';
import type { CommandContext } from './context.ts';

/** What `optio host check` can be told. */
export interface HostCheckOptions {
  readonly json?: boolean;
  readonly acceptNew?: boolean;
  /** `false`: do not look for what lies within reach. */
  readonly reach?: boolean;
}

/** `optio host check [name...]`: what there is to say of machines, one after the other. 4 when one of them cannot be used. */
export async function hostCheckCommand(
  names: readonly string[],
  options: HostCheckOptions,
  context: CommandContext,
): Promise<number> {
  const { reportHost, hostReportLines } = await import('../hosts/host-report.ts');
  const { abortSignal } = context.interrupts;
  const reports: HostReport[] = [];
  for (const name of names.length === 0 ? ['local', ...context.config.hosts.keys()] : names) {
    await using opened = await openHost(name, { ...context, ...options, abortSignal });
    const report = await reportHost(opened, { abortSignal, looksAround: options.reach !== false });
    if (reports.length > 0 && options.json !== true) context.stdout.write('\n');
    printFacts(context, report, { facts: hostReportLines(report), json: options.json });
    reports.push(report);
  }
  return reports.every(({ isUsable }) => isUsable) ? EXIT_CODES.done : EXIT_CODES.host;
}

/** What `optio host clean` can be told. */
export interface HostCleanOptions {
  readonly json?: boolean;
  readonly acceptNew?: boolean;
  readonly remove?: boolean;
  readonly kept?: boolean;
  readonly running?: boolean;
}

/** `optio host clean <name>`: what no session of the store owns any more. Removes nothing unless it is told to. */
export async function hostCleanCommand(
  [name = '']: readonly string[],
  options: HostCleanOptions,
  context: CommandContext,
): Promise<number> {
  const { findLeftovers, removeLeftover } = await import('../hosts/leftovers.ts');
  const { abortSignal } = context.interrupts;
  await using opened = await openHost(name, { ...context, ...options, abortSignal });
  const found = await withStore(context, ({ store }) => findLeftovers(opened, store, abortSignal));
  let failed = 0;
  const results = [];
  for (const leftover of found.leftovers) {
    const isSpared =
      (leftover.kind === 'kept' && options.kept !== true) || (leftover.running.length > 0 && options.running !== true);
    let action = isSpared ? 'spared' : 'would be removed';
    let problem: string | undefined;
    if (!isSpared && options.remove === true) {
      try {
        await removeLeftover(opened.host, found.taskRoot, leftover, abortSignal);
        action = 'removed';
      } catch (error) {
        abortSignal.throwIfAborted();
        failed += 1;
        action = 'not removed';
        problem = printableLine(messageOf(error));
      }
    }
    results.push({ ...leftover, action, ...(problem === undefined ? {} : { problem }) });
  }
  printList(context, results, {
    json: options.json,
    columns: ({ action, directory, kind, problem, running }) => [
      action,
      kind === 'kept' ? 'kept by its session' : 'of no session here',
      running.length === 0 ? 'idle' : `runs ${running.join(', ')}`,
      directory,
      problem ?? '',
    ],
  });
  if (options.json !== true) context.stderr.write(`${advice(found.leftovers.length, results, options)}\n`);
  return failed === 0 ? EXIT_CODES.done : EXIT_CODES.host;
}

function advice(count: number, results: readonly { readonly action: string }[], options: HostCleanOptions): string {
  if (count === 0) return 'Nothing is left there.';
  const spared = results.filter(({ action }) => action === 'spared').length;
  const hint = spared === 0 ? '' : ' --kept takes what sessions kept, --running ends what runs.';
  return options.remove === true
    ? `${results.filter(({ action }) => action === 'removed').length} removed, ${spared} spared.${hint}`
    : `Nothing was removed; --remove does it.${hint}`;
}
