import {
  TaskDirectoryInUseError,
  findSupervised,
  openWorkspace,
  probeHost,
  runChecked,
  shellScript,
} from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { listSessionDocuments } from '@optio-ts/seed-engine';
import type { SessionDocument, Store } from '@optio-ts/seed-engine';

import type { OpenedHost } from './open-host.ts';

/** A task directory on a host that no session of the store works in. */
export interface Leftover {
  readonly type: 'leftover';
  /** Absolute, on the host. */
  readonly directory: string;
  readonly taskId: string;
  /** `unknown`: no session of this store was ever there. `kept`: one has ended and left it, because it was not safe elsewhere. */
  readonly kind: 'unknown' | 'kept';
  /** Of the session that left it. */
  readonly sessionId?: string;
  /** Ids of supervised processes that run in it. */
  readonly running: readonly string[];
}

/** What is known of a host's task directories. */
export interface Leftovers {
  readonly taskRoot: string;
  readonly leftovers: readonly Leftover[];
  /** Ids of sessions that work there, which are left alone. */
  readonly owned: readonly string[];
}

/** Looks for what is left on a host. Changes nothing. */
export async function findLeftovers(opened: OpenedHost, store: Store, abortSignal: AbortSignal): Promise<Leftovers> {
  const { host } = opened;
  const taskRoot = opened.taskRoot ?? `${(await probeHost(host, { abortSignal })).stateHome}/optio-opencode`;
  const names = await taskNames(host, taskRoot, abortSignal);
  const sessions = await newestByDirectory(store, host.description);
  const leftovers: Leftover[] = [];
  const owned: string[] = [];
  for (const taskId of names) {
    const directory = `${taskRoot}/${taskId}`;
    const session = sessions.get(directory);
    if (session !== undefined && session.state !== 'ended') {
      owned.push(session.id);
      continue;
    }
    const processes = await findSupervised(host, directory, { abortSignal });
    leftovers.push({
      type: 'leftover',
      directory,
      taskId,
      kind: session === undefined ? 'unknown' : 'kept',
      ...(session === undefined ? {} : { sessionId: session.id }),
      running: processes.filter(({ wasRunning }) => wasRunning).map(({ id }) => id),
    });
  }
  return { taskRoot, leftovers, owned };
}

/** Ends what runs in a leftover and removes it. Throws what the host throws; then it may still be there. */
export async function removeLeftover(
  host: Host,
  taskRoot: string,
  { directory, taskId }: Leftover,
  abortSignal: AbortSignal,
): Promise<void> {
  for (const supervised of await findSupervised(host, directory, { abortSignal })) {
    if (supervised.wasRunning) await supervised.stop({ abortSignal });
  }
  const place = { taskId, taskRoot, abortSignal };
  const workspace = await openWorkspace(host, place).catch((error: unknown) => {
    if (!(error instanceof TaskDirectoryInUseError)) throw error;
    // Its holder is no session of ours, and what it ran has just ended.
    return openWorkspace(host, { ...place, takeOverFrom: error.runId });
  });
  await workspace.remove({ abortSignal });
}

async function newestByDirectory(store: Store, host: string): Promise<ReadonlyMap<string, SessionDocument>> {
  const newest = new Map<string, SessionDocument>();
  for await (const session of listSessionDocuments(store)) {
    if (session.host !== host) continue;
    const known = newest.get(session.taskDirectory);
    // Newest first; an older one that has not ended counts all the same.
    if (known === undefined || (known.state === 'ended' && session.state !== 'ended')) {
      newest.set(session.taskDirectory, session);
    }
  }
  return newest;
}

async function taskNames(host: Host, taskRoot: string, abortSignal: AbortSignal): Promise<readonly string[]> {
  const { stdout } = await runChecked(host, shellScript(LIST_SCRIPT, taskRoot), {
    what: `Cannot list ${taskRoot}`,
    timeoutMs: 30_000,
    abortSignal,
  });
  return stdout
    .toString('utf8')
    .split('\0')
    .filter((name) => /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/.test(name));
}

/** Directories of ours below `$1`, each name ended by NUL. A link is none. */
const LIST_SCRIPT = `
cd -P -- "$1" 2>/dev/null || exit 0
for name in ./* ./.[!.]*; do
  [ -d "$name" ] && [ ! -L "$name" ] && [ -O "$name" ] && printf '%s\\0' "\${name#./}"
done
exit 0
`;
