import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { emptyConfig } from '../config/worker-config.ts';
import type { WorkerConfig } from '../config/worker-config.ts';
import { bundlePage } from '../dashboard/bundle-page.ts';
import { openDashboard } from '../dashboard/open-dashboard.ts';
import type { Dashboard } from '../dashboard/open-dashboard.ts';
import { openStore } from '../open-store.ts';
import type { OpenedStore } from '../open-store.ts';

/** A dashboard in this process, with a home of its own. */
export interface TestDashboard extends AsyncDisposable {
  readonly dashboard: Dashboard;
  readonly opened: OpenedStore;
  /** Absolute: its working directory. */
  readonly directory: string;
  readonly token: string;
  /** What it told the terminal. */
  readonly notes: readonly string[];
  /** What Ctrl-C does. */
  interrupt(): void;
}

/** Options of `startDashboard`. */
export interface StartDashboardOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Of the dashboard's directory. @default none */
  readonly config?: (directory: string) => Partial<WorkerConfig>;
}

/** Starts a dashboard with the page as its sources are now. Disposing ends its sessions and removes all that it kept. */
export async function startDashboard(options: StartDashboardOptions = {}): Promise<TestDashboard> {
  const directory = await mkdtemp(join(tmpdir(), 'optio-dashboard-'));
  const page = join(directory, 'page');
  await mkdir(page);
  await bundlePage(page);
  const places = { store: join(directory, 'optio.db'), identity: join(directory, 'identity.txt'), logs: directory };
  const opened = await openStore(places);
  const interrupted = new AbortController();
  const notes: string[] = [];
  const dashboard = await openDashboard({
    opened,
    pageDirectory: page,
    onNote: (message) => notes.push(message),
    context: {
      cwd: directory,
      env: { ...process.env, ...options.env },
      config: { ...emptyConfig(join(directory, 'config.yaml')), ...options.config?.(directory) },
      places,
      home: directory,
      outputRoot: join(directory, 'optio-out'),
      taskRoot: join(directory, 'tasks'),
      interrupts: {
        abortSignal: interrupted.signal,
        first: undefined,
        forced: new Promise(() => undefined),
        [Symbol.dispose]: () => undefined,
      },
    },
  });
  return {
    dashboard,
    opened,
    directory,
    notes,
    token: new URL(dashboard.url).hash.replace('#token=', ''),
    interrupt: () => interrupted.abort(),
    async [Symbol.asyncDispose]() {
      interrupted.abort();
      await dashboard.live.ended();
      await dashboard[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
