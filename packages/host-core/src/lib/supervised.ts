import { isAbsolute } from 'node:path/posix';

import { commandError, cwdNotFoundError } from './command-errors.ts';
import { HostError } from './errors.ts';
import type { Command, Host, RunResult } from './host.ts';
import { killScript } from './kill-script.ts';
import { outlastLink } from './outlast-link.ts';
import { runChecked } from './run-checked.ts';
import { createRunId } from './run-id.ts';
import { shellScript } from './script.ts';
import { supervisedCommandScript } from './supervised-command-script.ts';
import { createSupervisedProcess } from './supervised-process.ts';
import type { SupervisedProcess } from './supervised-process.ts';
import { parseRecord } from './supervised-record.ts';
import { abandonSupervisedScript, findSupervisedScript } from './supervised-scripts.ts';
import { startSupervisedScript, supervisorScript } from './supervisor-script.ts';
import { checkRunId, checkTaskId, isTaskId } from './task-directory.ts';
import { planWriting } from './write-files.ts';
import type { FilesToWrite } from './write-files.ts';

/** Options of `startSupervised`. */
export interface StartSupervisedOptions {
  /** Absolute path of the task directory, which must exist. The records go to `<directory>/control/<id>`. */
  readonly directory: string;
  /** Runs without standard input. */
  readonly command: Command;
  /** Written before it starts, as by `writeFiles`, in the same round trip. @default none */
  readonly files?: FilesToWrite;
  /** Name of this process among those of the task. There must be no other, ended or not. @default the run id */
  readonly id?: string;
  /** @default `directory` */
  readonly cwd?: string;
  /** Variables added to the host's environment. They travel as `Host.run` sends them: in no argv, on no disk. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Globs of the names of inherited variables that the command sees. One that begins with `!` takes names away again,
   * whatever its place in the list. Names in `env` and `OPTIO_RUN_ID` are always kept.
   * @default all are inherited
   */
  readonly keepEnv?: readonly string[];
  /**
   * Milliseconds after which the supervisor ends everything when nobody has renewed the lease. At least 1000; counted in
   * ticks of up to 5 seconds, and while the host is awake.
   * @default 24 hours
   */
  readonly leaseMs?: number;
  /** Bytes of output kept. What comes after is read and dropped: the command does not notice. @default 64 MiB */
  readonly maxOutputBytes?: number;
  /** What everything the command starts carries in `OPTIO_RUN_ID`: 24 hex digits. @default a new one */
  readonly runId?: string;
  readonly abortSignal?: AbortSignal;
  /** Milliseconds for the start, not for the command. @default 60000 */
  readonly timeoutMs?: number;
}

/** Options of `findSupervised`. */
export interface FindSupervisedOptions {
  /** Only those of this run. @default all */
  readonly runId?: string;
  readonly abortSignal?: AbortSignal;
  /** @default 30000 */
  readonly timeoutMs?: number;
}

const day = 24 * 60 * 60 * 1000;
/** Milliseconds that a lost link is waited for, to undo a start whose answer it took. */
const undoingMs = 20_000;

/**
 * Starts a command that lives on its host without us: in a session of its own, under a small supervisor, so that it
 * survives a lost link and the death of this program. One round trip; when it returns, the command's identity is on record
 * and the command has begun.
 *
 * Everything about it lies in `<directory>/control/<id>/` (0700). This layout is settled:
 *
 * - `record`: one line, `1 <run id> <boot id>`, then pid and start time of the supervisor, of the command's session and
 *   group leader, and of the watcher.
 * - `output`: standard output and standard error in one.
 * - `lease.<any>`: renewed by renaming it.
 * - `state.run`, which becomes `code.<exit code>` when the command has ended, and `exit.<exit code>` when what it left
 *   behind has been ended too and the output is complete. Names, because a rename works on a full disk.
 * - `ended.itself`, or `ended.lease` when the supervisor has ended it.
 * - `errors`: what the supervisor's own shell has said.
 *
 * When the command ends, by itself or not, what it started and left behind is ended as well.
 *
 * Throws `CWD_NOT_FOUND`, `COMMAND_NOT_FOUND` and `SUPERVISOR_FAILED` (an id that is taken, a full disk), what `writeFiles`
 * throws where there are files, and what `host.run` throws; whatever had been started by then is ended, or
 * `KILL_NOT_CONFIRMED` says that it may live until its
 * lease ends.
 */
export async function startSupervised(host: Host, options: StartSupervisedOptions): Promise<SupervisedProcess> {
  const { directory, command, env = {}, runId = createRunId(), id = runId, abortSignal, timeoutMs = 60_000 } = options;
  const { cwd = directory, keepEnv, leaseMs = day, maxOutputBytes = 64 * 1024 * 1024 } = options;
  checkStart({ ...options, directory, cwd, runId, id, leaseMs, maxOutputBytes });
  const tickSeconds = Math.min(5, Math.max(1, Math.floor(leaseMs / 4000)));
  const script = shellScript(
    startSupervisedScript,
    supervisorScript,
    supervisedCommandScript,
    killScript,
    directory,
    id,
    runId,
    String(Math.ceil(leaseMs / 1000 / tickSeconds)),
    String(tickSeconds),
    String(maxOutputBytes),
    cwd,
    keepEnv === undefined ? 'all' : 'some',
    (keepEnv ?? []).join('\n'),
    Object.keys(env).join('\n'),
    ...command,
  );
  const what = `Cannot start ${command[0]} under a supervisor`;
  const writing = options.files && planWriting(options.files);
  let result: RunResult;
  try {
    const runOptions = { env, timeoutMs, ...(abortSignal && { abortSignal }) };
    result =
      writing === undefined
        ? await runChecked(host, script, { what, ...runOptions })
        : await host.run(inTurn(writing.command, script), { ...runOptions, stdin: writing.stdin });
  } catch (error) {
    await abandon(host, { directory, id, runId }, error);
    throw error;
  }
  writing?.check(host, result);
  const answer = result.stdout.toString('utf8').trim();
  const record = answer.startsWith('ok ') ? parseRecord(answer.slice('ok '.length)) : undefined;
  if (record?.runId === runId) {
    const parts = { host, id, directory: `${directory}/control/${id}`, record, isTrusted: true, wasRunning: true };
    return createSupervisedProcess(parts);
  }
  const [word = '', ...reason] = answer.split(' ');
  if (word === 'cwd') throw cwdNotFoundError(host.description, command, cwd);
  if (word === 'missing') throw commandError('COMMAND_NOT_FOUND', host.description, command);
  const detail =
    word === 'exists' ? `there is one of the id ${id} already` : reason.join(' ') || 'its shell gave no answer';
  throw new HostError('SUPERVISOR_FAILED', `${what} on ${host.description}: ${detail}`);
}

/** Runs one command in `/`, and another one, without input, once it has succeeded. */
function inTurn(first: Command, second: Command): Command {
  return shellScript(inTurnScript, String(first.length), ...first, ...second);
}

/** `$1` words of the first command, then both. The words are named by number: nothing of them is read as shell text. */
const inTurnScript = `
count=$1 index=1 words=
shift
while [ $index -le $count ]; do
  words="$words \\"\\\${$index}\\""
  index=$((index + 1))
done
(cd / && eval "$words") || exit
shift "$count"
exec "$@" </dev/null
`;

/**
 * Finds the supervised processes of a task directory again, ended ones too, in one round trip. What is on record is
 * untrusted: what does not look like a record is left out, and before anything is signalled the process itself must show
 * the run id. Take those whose `runId` you know.
 */
export async function findSupervised(
  host: Host,
  directory: string,
  options: FindSupervisedOptions = {},
): Promise<readonly SupervisedProcess[]> {
  const { runId, abortSignal, timeoutMs = 30_000 } = options;
  checkDirectory(directory);
  const { stdout } = await runChecked(host, shellScript(findSupervisedScript, directory), {
    what: `Cannot list the supervised processes of ${directory}`,
    timeoutMs,
    ...(abortSignal && { abortSignal }),
  });
  const fields = stdout.toString('utf8').split('\0');
  const found: SupervisedProcess[] = [];
  for (let index = 0; index + 2 < fields.length; index += 3) {
    const [id = '', line = '', running = ''] = fields.slice(index, index + 3);
    const record = isTaskId(id) ? parseRecord(line) : undefined;
    if (record === undefined || (runId !== undefined && record.runId !== runId)) continue;
    const parts = { host, id, directory: `${directory}/control/${id}`, record };
    found.push(createSupervisedProcess({ ...parts, isTrusted: false, wasRunning: running === 'running' }));
  }
  return found;
}

/** Ends what a start that has failed may have left: nobody else knows of it. */
async function abandon(
  host: Host,
  options: { directory: string; id: string; runId: string },
  cause: unknown,
): Promise<void> {
  if (!HostError.is(cause) || ['DISPOSED', 'CONNECT_FAILED', 'COMMAND_NOT_FOUND', 'CWD_NOT_FOUND'].includes(cause.code))
    return;
  const isOver = cause.code === 'ABORTED' || cause.code === 'TIMEOUT';
  const { directory, id, runId } = options;
  const script = shellScript(abandonSupervisedScript, killScript, directory, id, runId, isOver ? '1' : '');
  let answer: string;
  try {
    const undo = (): Promise<RunResult> => runChecked(host, script, { timeoutMs: 60_000 });
    answer = (await outlastLink(undo, { limitMs: undoingMs })).stdout.toString('utf8').trim();
  } catch {
    answer = 'the host does not answer';
  }
  if (answer === 'gone') return;
  const message = `A supervised process may have been started on ${host.description}, and its end is not confirmed; its lease will end it`;
  throw new HostError('KILL_NOT_CONFIRMED', `${message}: ${answer}`, { cause });
}

type CheckedOptions = Required<
  Pick<StartSupervisedOptions, 'directory' | 'command' | 'cwd' | 'runId' | 'id' | 'leaseMs' | 'maxOutputBytes'>
> &
  StartSupervisedOptions;

function checkStart({ directory, command, cwd, runId, id, keepEnv, leaseMs, maxOutputBytes }: CheckedOptions): void {
  checkDirectory(directory);
  checkDirectory(cwd);
  checkRunId(runId);
  checkTaskId(id);
  const [program = ''] = command;
  if (program === '' || program.startsWith('-')) throw new TypeError(`Not a program: ${JSON.stringify(program)}`);
  if (!(leaseMs >= 1000)) throw new TypeError('leaseMs must be at least 1000');
  if (!Number.isSafeInteger(maxOutputBytes) || maxOutputBytes < 0) {
    throw new TypeError('maxOutputBytes must be a whole number');
  }
  for (const glob of keepEnv ?? []) {
    if (glob === '' || /[\n\0]/.test(glob))
      throw new TypeError(`Not a glob of variable names: ${JSON.stringify(glob)}`);
  }
}

function checkDirectory(path: string): void {
  if (!isAbsolute(path) || /[\n\0]/.test(path)) {
    throw new TypeError(`Not an absolute directory: ${JSON.stringify(path)}`);
  }
}
