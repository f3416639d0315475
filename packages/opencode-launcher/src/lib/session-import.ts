import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';

import { describeExit, removePath, shellScript } from '@optio-ts/host-core';
import type { Bytes, RunResult } from '@optio-ts/host-core';

import { OpencodeError } from './errors.ts';
import { createJsonScanner } from './json-scanner.ts';
import { keepEnvironment } from './keep-environment.ts';
import { stripAnsi } from './ready-line.ts';
import { redact } from './redact.ts';
import { prepareRuntime } from './runtime.ts';
import type { OpencodeRuntime, OpencodeTaskOptions } from './runtime.ts';

/** Options of `importSession`. */
export interface ImportSessionOptions extends OpencodeTaskOptions {
  /** What `SessionExport.content` or `opencode export` handed out. */
  readonly content: Bytes;
}

/** What was taken in. */
export interface ImportSessionResult {
  readonly sessionId: string;
  /** Sessions of subagents that were taken in too. */
  readonly childCount: number;
  /** Why sessions of subagents, or to-dos, could not be; the session itself is whole without them. */
  readonly failures: readonly string[];
}

/**
 * Takes a session into the task's database, with the workdir as its directory. No server needs to run; one that does sees it
 * at once. A session that is there already keeps its messages.
 *
 * What is not a whole export is refused with `EXPORT_INVALID` before opencode sees it; what opencode refuses is an
 * `IMPORT_FAILED`, after which the database may hold an empty session: start over with a new one.
 */
export async function importSession(options: ImportSessionOptions): Promise<ImportSessionResult> {
  return importInto(await prepareRuntime(options), options);
}

/** An import of 26 MB took 4 s on two cores; each subagent's session costs at least 1.5 s. */
const TIMEOUT_MS = 600_000;

/**
 * Everything in one trip: the export comes in on stdin and is followed by a verdict, a line that nobody but us can write. Only
 * with it is anything imported, and only the byte ranges that it names.
 */
const IMPORT_SCRIPT = `
umask 077
set -f
stage=$1 nonce=$2 program=$3 query=$4
trap 'rm -f -- "$stage" "$stage.json"' EXIT
trap 'exit 143' HUP INT TERM
cat > "$stage" || exit 74
verdict=$(tail -n 1 -- "$stage")
case $verdict in
  "$nonce "*) ;;
  *) exit 65 ;;
esac
set -- $verdict
todos=$2
shift 2
while [ "$#" -ge 2 ]; do
  tail -c "+$(($1 + 1))" -- "$stage" | head -c "$2" > "$stage.json" || exit 74
  "$program" import "$stage.json" < /dev/null 2>&1
  printf '\\n%s %s\\n' "$nonce" "$?"
  shift 2
done
if [ "$todos" = todos ]; then
  "$program" db "$query" < /dev/null 2>&1
  printf '\\n%s %s\\n' "$nonce" "$?"
fi
`;

/**
 * Makes the to-dos, which opencode's import leaves out, from the last call of the tool that alone writes them: the messages
 * have it. Constant, so that nothing an agent wrote is in an argv. A session that has to-dos keeps them.
 */
const TODOS_QUERY = `
INSERT OR IGNORE INTO todo (session_id, content, status, priority, position, time_created, time_updated)
SELECT part.session_id, item.value ->> '$.content', item.value ->> '$.status', item.value ->> '$.priority', item.key,
  part.time_created, part.time_created
FROM part, json_each(part.data, '$.state.input.todos') AS item
WHERE part.session_id NOT IN (SELECT session_id FROM todo) AND part.id IN (
  SELECT max(id) FROM part WHERE data ->> '$.tool' = 'todowrite' AND data ->> '$.state.status' = 'completed'
  GROUP BY session_id
)`;

/** The same for a task whose isolation is known. */
export async function importInto(
  runtime: OpencodeRuntime,
  options: ImportSessionOptions,
): Promise<ImportSessionResult> {
  const { host, workspace, binary } = options;
  const nonce = randomBytes(16).toString('hex');
  const checked = checkExport(options.content, nonce);
  const stage = posix.join(workspace.temporaryDirectory, `import-${nonce}`);
  const script = shellScript(IMPORT_SCRIPT, stage, nonce, binary.path, TODOS_QUERY);
  let result: RunResult;
  try {
    result = await host.run(keepEnvironment(runtime.isolate(script), runtime), {
      cwd: workspace.workdir,
      env: runtime.env,
      stdin: checked.content,
      timeoutMs: TIMEOUT_MS,
      ...(options.abortSignal === undefined ? {} : { abortSignal: options.abortSignal }),
    });
  } catch (error) {
    // What was killed may not have cleaned up; if this fails too, it goes with the task's directory.
    await removePath(host, stage, { beneath: workspace.taskDirectory, abortSignal: AbortSignal.timeout(15_000) }).catch(
      () => undefined,
    );
    throw error;
  }
  const refusal = checked.refusal();
  if (refusal !== undefined) throw refusal;

  const output = `${result.stdout.toString('utf8')}${result.stderr.toString('utf8')}`;
  const answers = readAnswers(stripAnsi(output), nonce);
  const [main, ...children] = answers;
  const todos = checked.hasTodos() ? children.pop() : undefined;
  const sessionId = checked.sessionId();
  const printed = (text: string): string => redact(text.trim(), runtime.secrets).slice(-2048);
  if (main === undefined || !isImported(main, sessionId)) {
    const said = printed(main?.text ?? output) || `it ${describeExit(result)}`;
    throw new OpencodeError(
      'IMPORT_FAILED',
      `opencode on ${host.description} does not take session ${sessionId}\n\n${said}`,
    );
  }
  const failed = children.filter((answer) => !isImported(answer));
  const failures = failed.map((answer) => printed(answer.text));
  if (todos !== undefined && todos.exitCode !== 0) failures.push(`Its to-dos are lost: ${printed(todos.text)}`);
  return { sessionId, childCount: children.length - failed.length, failures };
}

interface CheckedExport {
  /** The export and, when it is sound, the verdict. Ends early, without one, at the first thing that is wrong. */
  readonly content: Bytes;
  /** Why it is not sound, or what the source of the bytes has thrown; `undefined` while all is well. */
  refusal(): Error | undefined;
  sessionId(): string;
  /** Whether there is any to-do in it. */
  hasTodos(): boolean;
}

function checkExport(content: Bytes, nonce: string): CheckedExport {
  let sessionId: string | undefined;
  let hasMessages = false;
  let hasTodos = false;
  let refusal: Error | undefined;
  let size = 0;
  const children: { readonly start: number; readonly end: number }[] = [];
  const scanner = createJsonScanner(6, ({ path, kind, start, end, text }) => {
    const place = path.join('/');
    if (place === 'info/id' && kind === 'string') sessionId = text;
    if (place === 'messages') hasMessages = kind === 'array';
    if (/^optio\/(?:children\/\d+\/optio\/)?todos\/0$/.test(place)) hasTodos = true;
    if (path.length === 3 && /^optio\/children\/\d+$/.test(place) && kind === 'object') children.push({ start, end });
  });

  // Without the verdict the script ends by itself and cleans up; an error would have it killed.
  async function* withVerdict(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of content) {
        scanner.write(chunk);
        size += chunk.byteLength;
        yield chunk;
      }
      scanner.end();
      if (sessionId === undefined || !/^ses_\w+$/.test(sessionId)) throw new SyntaxError('it has no session id');
      if (!hasMessages) throw new SyntaxError('it has no list of messages');
    } catch (error) {
      refusal = error instanceof SyntaxError ? notWhole(error) : toError(error);
      return;
    }
    const ranges = [{ start: 0, end: size }, ...children].map(({ start, end }) => `${start} ${end - start}`);
    yield Buffer.from(`\n${nonce} ${hasTodos ? 'todos' : 'none'} ${ranges.join(' ')}\n`);
  }

  return {
    content: withVerdict(),
    refusal: () => refusal,
    sessionId: () => sessionId ?? '',
    hasTodos: () => hasTodos,
  };
}

function notWhole(cause: SyntaxError): OpencodeError {
  const message = `This is not a whole export of an opencode session: ${cause.message}`;
  return new OpencodeError('EXPORT_INVALID', message, { cause });
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

interface Answer {
  readonly text: string;
  readonly exitCode: number;
}

function readAnswers(output: string, nonce: string): Answer[] {
  const pieces = output.split(new RegExp(`\\n${nonce} (\\d+)\\n`));
  const answers: Answer[] = [];
  for (let index = 0; index + 1 < pieces.length; index += 2) {
    answers.push({ text: pieces[index] ?? '', exitCode: Number(pieces[index + 1]) });
  }
  return answers;
}

/** The exit code alone says nothing: some broken files end with 0 (measured). */
function isImported(answer: Answer, sessionId = '\\S+'): boolean {
  return answer.exitCode === 0 && new RegExp(`^Imported session: ${sessionId}$`, 'm').test(answer.text);
}
