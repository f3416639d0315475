import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { archiveDirectory, createLocalHost, restoreDirectory, writeFiles } from '@optio-ts/host-core';
import type { Bytes, Host } from '@optio-ts/host-core';
import { loadLatestSnapshot, readSnapshotBlob } from '@optio-ts/seed-engine';
import type { SessionDocument } from '@optio-ts/seed-engine';

import { WorkerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { gitEnvironment } from '../files/fetch-repository.ts';
import { openTarget } from '../files/open-target.ts';
import { openTaskFiles } from '../files/open-task-files.ts';
import { isCompared, isOwnFile } from '../files/own-files.ts';
import { openHost } from '../hosts/open-host.ts';
import { withStore } from '../open-store.ts';
import type { OpenedStore } from '../open-store.ts';
import { printFacts } from '../output.ts';
import { reasonOf } from '../secret-reference.ts';
import { findSession } from '../sessions/find-session.ts';
import { readTaskBase } from '../sessions/task-base.ts';
import { loadTaskRecord } from '../sessions/task-record.ts';
import type { TaskRecord } from '../sessions/task-record.ts';
import { loadRecordedTask } from '../task-file.ts';
import type { CommandContext } from './context.ts';

/** What `optio pull` can be told. */
export interface PullOptions {
  readonly json?: boolean;
  readonly patch?: boolean;
}

/** `optio pull <session> [directory]`: the working directory as it is, or what was changed in it as a patch on stdout. */
export async function pullCommand(
  [name = '', target]: readonly string[],
  { json, patch }: PullOptions,
  context: CommandContext,
): Promise<number> {
  if (patch === true && target !== undefined) {
    throw new WorkerError('REFUSED', 'a patch goes to stdout; leave the directory out, or --patch');
  }
  return withStore(context, async (opened) => {
    const session = await findSession(opened.store, name);
    await using local = createLocalHost();
    if (patch === true) return await printPatch(local, { session, opened, context });
    const directory = resolve(context.cwd, target ?? session.taskId);
    await refuseUsed(directory);
    const source = { session, opened, context };
    const { bytes, entries } = await unpack(local, directory, source, (path) => !isOwnFile(path));
    printFacts(
      context,
      { type: 'pulled', sessionId: session.id, taskId: session.taskId, directory, entries, bytes },
      { json, facts: [['pulled', directory]] },
    );
    return EXIT_CODES.done;
  });
}

interface PullSource {
  readonly session: SessionDocument;
  readonly opened: OpenedStore;
  readonly context: CommandContext;
}

/** The agent's work, as far as the filter lets it through. */
async function unpack(
  local: Host,
  directory: string,
  source: PullSource,
  filter: (path: string) => boolean,
): Promise<{ readonly entries: number; readonly bytes: number }> {
  const { abortSignal } = source.context.interrupts;
  const restore = async (archive: Bytes) => {
    await openTarget(directory);
    return restoreDirectory(local, directory, archive, {
      abortSignal,
      // The agent may have made links to anywhere: here they would lead into this machine.
      links: 'refuse-outward',
      filter,
    });
  };
  const { context, opened, session } = source;
  if (session.state !== 'ended') {
    const record = await loadTaskRecord(opened, session.taskId);
    await using opening = await openHost(record?.host ?? 'local', { ...context, abortSignal });
    const workdir = `${session.taskDirectory}/workdir`;
    return await restore(
      archiveDirectory(opening.host, workdir, { beneath: session.taskDirectory, exclude: ['home'], abortSignal }),
    );
  }
  const snapshot = await loadLatestSnapshot(opened.store, 'opencode', session.taskId);
  if (snapshot === undefined) {
    throw new WorkerError(
      'NOT_FOUND',
      `there is no snapshot of task ${session.taskId}; nothing of its directory is kept`,
    );
  }
  return restore(readSnapshotBlob(opened.store, opened.cipher, snapshot, 'workdir', { abortSignal }));
}

/** What git says is different between the files that the task was given and what became of them. */
async function printPatch(local: Host, source: PullSource): Promise<number> {
  const { context, opened, session } = source;
  const { env, interrupts, stdout } = context;
  const { abortSignal } = interrupts;
  const record = await loadTaskRecord(opened, session.taskId);
  if (record === undefined) {
    throw new WorkerError(
      'NOT_FOUND',
      `task ${session.taskId} was not run by optio, which does not know what it began with`,
    );
  }
  const temporary = await mkdtemp(join(tmpdir(), 'optio-pull-'));
  try {
    await mkdir(join(temporary, 'a'));
    await unpack(local, join(temporary, 'b'), source, isCompared);
    await unpackBase(local, join(temporary, 'a'), record, source);
    const diff = [
      'diff',
      '--no-index',
      '--binary',
      '--no-renames',
      '--no-prefix',
      '--no-color',
      '--no-ext-diff',
      'a',
      'b',
    ];
    const command = ['git', '-c', 'core.fsmonitor=false', '-c', 'core.attributesFile=/dev/null', ...diff];
    await using git = createLocalHost({ env: gitEnvironment(env) });
    const found = await git.run(command, { cwd: temporary, abortSignal, maxOutputBytes: 1024 ** 3 });
    // 1: there are differences.
    if (found.exitCode !== 0 && found.exitCode !== 1) {
      throw new WorkerError('REFUSED', `git cannot compare them: ${found.stderr.toString('utf8').trim()}`);
    }
    stdout.write(found.stdout);
    return EXIT_CODES.done;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** What the task began with: as it was kept then, or, where it was not, as it is now. */
async function unpackBase(local: Host, directory: string, record: TaskRecord, source: PullSource): Promise<void> {
  const { context, opened } = source;
  const { config, cwd, env, interrupts, outputRoot, stderr } = context;
  const { abortSignal } = interrupts;
  const kept = await readTaskBase(opened, record.taskId, { abortSignal });
  if (kept !== undefined) {
    await restoreDirectory(local, directory, kept, { abortSignal });
    return;
  }
  const task = await loadRecordedTask(record, { cwd, env, config, now: new Date() });
  if (task.files === undefined) return;
  stderr.write('optio: what the task began with was not kept: this is the difference from its files as they are now\n');
  const exclude = [record.outputDirectory, outputRoot];
  await using files = await openTaskFiles({ source: task.files, exclude, env, abortSignal });
  const given = Array.from(files.files()).filter(({ path }) => isCompared(path));
  await writeFiles(local, directory, given, { abortSignal });
}

async function refuseUsed(directory: string): Promise<void> {
  let names: readonly string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw new WorkerError('REFUSED', `cannot write to ${directory}: ${reasonOf(error)}`, { cause: error });
  }
  if (names.length > 0) {
    throw new WorkerError('REFUSED', `${directory} is not empty; name a directory that is, or is not there`);
  }
}
