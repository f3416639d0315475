import { opencodeSeeds } from '@optio-ts/opencode-seeds';

import type { CommandContext } from '../commands/context.ts';
import { hostReportLines, reportHost } from '../hosts/host-report.ts';
import { LOCAL_HOST, openHost } from '../hosts/open-host.ts';
import type { OpenedStore } from '../open-store.ts';
import { printableLine } from '../printable.ts';
import type { HostCheckView, HostView, SeedView } from './protocol.ts';

/** What the dashboard shows beside the sessions of its own process. */
export interface Wings {
  /** The newest first. */
  seeds(): Promise<readonly SeedView[]>;
  hosts(): readonly HostView[];
  /** Looks at a machine of the configuration; changes nothing on it. Throws `HOST_UNKNOWN`. */
  checkHost(name: string, abortSignal: AbortSignal): Promise<HostCheckView>;
}

/** Creates what the worker's configuration and store have to show. */
export function createWings(context: Pick<CommandContext, 'config' | 'env'>, opened: OpenedStore): Wings {
  const { config, env } = context;
  return {
    async seeds() {
      const seeds = await opencodeSeeds(opened).list();
      return seeds.map(({ id, createdAt, model, label }) => ({
        id,
        createdAt: createdAt.getTime(),
        model: model === undefined ? undefined : printableLine(model),
        label: label === undefined ? undefined : printableLine(label),
      }));
    },
    hosts: () => [
      { name: LOCAL_HOST, ssh: undefined },
      ...Array.from(config.hosts.values(), ({ name, ssh }) => ({ name, ssh })),
    ],
    async checkHost(name, abortSignal) {
      await using host = await openHost(name, { config, env, abortSignal, onlyConfigured: true });
      const report = await reportHost(host, { abortSignal, looksAround: true });
      return {
        isUsable: report.isUsable,
        facts: hostReportLines(report).map(([word, text]) => [word, printableLine(text, 1000)] as const),
      };
    },
  };
}
