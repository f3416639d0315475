import { HostError } from './errors.ts';
import type { Host } from './host.ts';
import { runChecked } from './run-checked.ts';
import { createRunId } from './run-id.ts';
import { shellScript } from './script.ts';
import { checkConsumer, checkRunId, checkTaskId, checkTaskRoot, resolveInside } from './task-directory.ts';
import { TaskDirectoryInUseError } from './workspace-errors.ts';
import { closeWorkspaceScript, openWorkspaceScript } from './workspace-script.ts';

/** Options of `openWorkspace`. */
export interface OpenWorkspaceOptions {
  /** Name of the task, and of its directory: letters, digits, `.`, `_` and `-`. */
  readonly taskId: string;
  /**
   * Absolute directory that holds the task directories; made when missing. `localTaskRoot` and `remoteTaskRoot` know the
   * rules of the original.
   * @default `${XDG_STATE_HOME:-$HOME/.local/state}/<consumer>` of the host
   */
  readonly taskRoot?: string;
  /** Names the default task root. @default 'optio-opencode' */
  readonly consumer?: string;
  /**
   * `empty` removes all that an earlier run left in the task directory, but for `control`; `keep` leaves it.
   * @default 'keep'
   */
  readonly fresh?: 'empty' | 'keep';
  /**
   * Identifies the run that holds the task directory: 24 hex digits. The run that holds it already can open it again.
   * @default a new one
   */
  readonly runId?: string;
  /**
   * Run id of a run that is known to be dead: when it holds the directory, this run takes it over. Of several that try,
   * exactly one succeeds.
   * @default nobody is replaced
   */
  readonly takeOverFrom?: string;
  readonly abortSignal?: AbortSignal;
  /** @default 60000 */
  readonly timeoutMs?: number;
}

/** Options of `Workspace.remove` and `Workspace.release`. */
export interface CloseWorkspaceOptions {
  readonly abortSignal?: AbortSignal;
  /** @default 300000 */
  readonly timeoutMs?: number;
}

/** The directory of one task on a host, held by one run. */
export interface Workspace {
  readonly host: Host;
  readonly taskId: string;
  /** The run that holds it. */
  readonly runId: string;
  /** Absolute and free of links, as are all paths below. */
  readonly taskRoot: string;
  /** `<taskRoot>/<taskId>`, mode 0700. */
  readonly taskDirectory: string;
  /** `<taskDirectory>/workdir`: where the agent works. */
  readonly workdir: string;
  /** `<workdir>/home`: the agent's own home. */
  readonly home: string;
  /** `<taskDirectory>/control`, mode 0700: records of ours, hidden from confined agents. */
  readonly controlDirectory: string;
  /** `<taskDirectory>/tmp`: for what is not to be kept. */
  readonly temporaryDirectory: string;
  /**
   * Absolute path of one that is relative to the workdir. Lexical only: the agent may have put a link there. Throws
   * `PATH_REFUSED` for a path that is empty, absolute or has a `..` segment.
   */
  resolve(relativePath: string): string;
  /**
   * Removes the task directory, and never anything else. Idempotent. Throws `TASK_DIRECTORY_IN_USE` when another run has
   * taken it over, `TASK_DIRECTORY_REFUSED` when a link stands in its place, and `WRITE_FAILED`.
   */
  remove(options?: CloseWorkspaceOptions): Promise<void>;
  /** Gives the directory back without removing it, so that any run may open it. Idempotent; throws as `remove` does. */
  release(options?: CloseWorkspaceOptions): Promise<void>;
}

/**
 * Makes or takes the directory of a task, in one round trip, and holds it for one run.
 *
 * Throws `TASK_DIRECTORY_IN_USE` (a `TaskDirectoryInUseError`) when another run holds it; `TASK_DIRECTORY_REFUSED` when it,
 * or a directory above it, belongs to somebody else, can be written by others, or is a link; and `WRITE_FAILED`. A sticky
 * directory of root's above it, such as `/tmp`, is accepted, but is never the default.
 */
export async function openWorkspace(host: Host, options: OpenWorkspaceOptions): Promise<Workspace> {
  const { taskId, consumer = 'optio-opencode', fresh = 'keep', runId = createRunId(), takeOverFrom = '' } = options;
  checkTaskId(taskId);
  checkConsumer(consumer);
  checkRunId(runId);
  if (takeOverFrom !== '') checkRunId(takeOverFrom);
  const root = options.taskRoot === undefined ? '' : checkTaskRoot(options.taskRoot);

  const { abortSignal } = options;
  const what = `Cannot open the directory of task ${taskId}`;
  const attempt = createRunId();
  const open = (mode: string, limits: CloseWorkspaceOptions): Promise<readonly string[]> => {
    const parameters = [openWorkspaceScript, root, consumer, taskId, mode, runId, takeOverFrom, attempt];
    return runWorkspaceScript(host, what, parameters, limits);
  };
  const limits = { timeoutMs: options.timeoutMs ?? 60_000, ...(abortSignal && { abortSignal }) };
  const [taskRoot = ''] = await open(fresh, limits).catch(async (error: unknown) => {
    if (HostError.is(error) && (error.code === 'ABORTED' || error.code === 'TIMEOUT')) {
      await open('undo', { timeoutMs: 30_000 }).catch((cause: unknown) => {
        throw new HostError(error.code, `${error.message}; it may stay held by run ${runId}`, { cause });
      });
    }
    throw error;
  });
  const taskDirectory = `${taskRoot}/${taskId}`;
  const workdir = `${taskDirectory}/workdir`;
  const close = async (what: 'all' | 'lock', closeOptions: CloseWorkspaceOptions = {}): Promise<void> => {
    const action = what === 'all' ? 'remove' : 'release';
    await runWorkspaceScript(
      host,
      `Cannot ${action} the directory of task ${taskId}`,
      [closeWorkspaceScript, taskRoot, taskId, runId, what],
      { timeoutMs: 300_000, ...closeOptions },
    );
  };
  return {
    host,
    taskId,
    runId,
    taskRoot,
    taskDirectory,
    workdir,
    home: `${workdir}/home`,
    controlDirectory: `${taskDirectory}/control`,
    temporaryDirectory: `${taskDirectory}/tmp`,
    resolve: (relativePath) => resolveInside(workdir, relativePath),
    remove: (closeOptions) => close('all', closeOptions),
    release: (closeOptions) => close('lock', closeOptions),
  };
}

/** Runs one of the scripts and returns what it says after `ok`. */
async function runWorkspaceScript(
  host: Host,
  what: string,
  [script = '', ...parameters]: readonly string[],
  { abortSignal, timeoutMs }: CloseWorkspaceOptions,
): Promise<readonly string[]> {
  const { stdout } = await runChecked(host, shellScript(script, ...parameters), {
    what,
    ...(abortSignal && { abortSignal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  const [word, ...rest] = stdout.toString('utf8').split('\0').slice(0, -1);
  const [detail = '', where = ''] = rest;
  switch (word) {
    case 'ok': {
      return rest;
    }
    case 'held': {
      throw new TaskDirectoryInUseError(
        `${what} on ${host.description}: run ${detail} holds ${where}. End that run; if it is dead, save what you need of that directory and remove it, or use another task id`,
        detail,
      );
    }
    case 'refused': {
      throw new HostError('TASK_DIRECTORY_REFUSED', `${what} on ${host.description}: ${detail}`);
    }
    case undefined:
    default: {
      throw new HostError('WRITE_FAILED', `${what} on ${host.description}: ${detail || 'its shell gave no answer'}`);
    }
  }
}
