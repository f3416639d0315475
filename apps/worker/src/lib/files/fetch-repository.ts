import { createLocalHost } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';

import { WorkerError, messageOf } from '../errors.ts';
import { printableLine } from '../printable.ts';

/** Options of `fetchRepository`. */
export interface FetchRepositoryOptions {
  /** `https://…`, `ssh://…`, `file://…` or `user@host:path`, checked by `parseFilesSource`. */
  readonly url: string;
  /** Branch, tag or full commit id. @default the repository's own default branch */
  readonly ref: string | undefined;
  /** Absolute, and empty. */
  readonly directory: string;
  /** The environment of the process: the user's own keys and credential helpers are used. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly abortSignal: AbortSignal;
}

const FETCH_TIMEOUT_MS = 10 * 60_000;

/**
 * Fetches one commit of a repository with the `git` of this machine, its history left behind. Nothing of the repository runs:
 * no hooks, no submodules, no protocol but https, ssh and file. Never asks for a password.
 * Throws `FILES_UNREADABLE` with git's own last words.
 */
export async function fetchRepository(options: FetchRepositoryOptions): Promise<void> {
  await using host = createLocalHost({ env: gitEnvironment(options.env) });
  const { directory, ref, url } = options;
  const isCommit = ref !== undefined && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);
  if (!isCommit) {
    const branch = ref === undefined ? [] : ['--branch', ref];
    await git(host, options, [
      'clone',
      '--quiet',
      '--depth=1',
      '--no-tags',
      '--template=',
      ...branch,
      '--',
      url,
      directory,
    ]);
    return;
  }
  // `clone` takes names only.
  await git(host, options, ['init', '--quiet', '--template=', '--', directory]);
  const inside = ['-C', directory];
  await git(host, options, [...inside, 'fetch', '--quiet', '--depth=1', '--no-tags', '--', url, ref]);
  await git(host, options, [...inside, 'checkout', '--quiet', '--detach', 'FETCH_HEAD']);
}

async function git(host: Host, options: FetchRepositoryOptions, args: readonly string[]): Promise<void> {
  const settings = ['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'submodule.recurse=false'];
  const command = ['git', ...settings.flatMap((setting) => ['-c', setting]), ...args];
  const result = await host
    .run(command, { cwd: '/', abortSignal: options.abortSignal, timeoutMs: FETCH_TIMEOUT_MS })
    .catch((error: unknown) => {
      throw options.abortSignal.aborted ? error : failure(options, messageOf(error), error);
    });
  if (result.exitCode !== 0) throw failure(options, lastWords(result.stderr.toString('utf8')));
}

function failure(options: FetchRepositoryOptions, reason: string, cause?: unknown): WorkerError {
  const ref = options.ref === undefined ? '' : ` at ${options.ref}`;
  return new WorkerError('FILES_UNREADABLE', `cannot be fetched: ${options.url}${ref}: ${reason}`, {
    cause,
  });
}

/** What git says last is what went wrong; before it comes what the server has to say. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((text) => text.trim() !== '' && !text.startsWith('remote:'));
  const fatal = lines.filter((text) => /^(?:fatal|error):/.test(text));
  return printableLine(
    (fatal.length > 0 ? fatal : lines)
      .slice(-2)
      .join('; ')
      .replaceAll(/(?:fatal|error): /g, ''),
    300,
  );
}

/**
 * The environment for git: the user's, without what ties git to a repository that happens to be around (this may run in a
 * hook), and with every question answered by "no".
 */
export function gitEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !REPOSITORY_VARIABLES.has(entry[0]),
  );
  return {
    ...Object.fromEntries(kept),
    GIT_ALLOW_PROTOCOL: 'https:ssh:file',
    GIT_TERMINAL_PROMPT: '0',
    SSH_ASKPASS_REQUIRE: 'never',
    LC_ALL: 'C.UTF-8',
  };
}

// As `git rev-parse --local-env-vars` lists them.
const REPOSITORY_VARIABLES: ReadonlySet<string> = new Set([
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_COMMON_DIR',
  'GIT_CONFIG',
  'GIT_CONFIG_COUNT',
  'GIT_CONFIG_PARAMETERS',
  'GIT_DIR',
  'GIT_GRAFT_FILE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_NO_REPLACE_OBJECTS',
  'GIT_OBJECT_DIRECTORY',
  'GIT_PREFIX',
  'GIT_REPLACE_REF_BASE',
  'GIT_SHALLOW_FILE',
  'GIT_WORK_TREE',
]);
