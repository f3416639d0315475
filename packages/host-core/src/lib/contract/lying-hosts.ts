import { setImmediate as nextTurn } from 'node:timers/promises';

import { HostError } from '../errors.ts';
import type { HostErrorCode } from '../errors.ts';
import type { Bytes, Command, CommandOptions, Host, HostProcess, RunResult } from '../host.ts';
import { RUN_ID_VARIABLE } from '../run-id.ts';
import { wrongDigest } from './download-cases.ts';

/** A host that breaks one promise, and cases that have to notice. */
export interface Lie {
  readonly name: string;
  /** Changes an honest host. */
  readonly tell: (honest: Host) => Partial<Host>;
  /** Names of cases. */
  readonly caughtBy: readonly string[];
}

type Run = Host['run'];

const silence: Bytes = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) };

/** Says that all went well, and does nothing. */
export const silentHost: Host = {
  description: 'nowhere',
  run: async () => ({ stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), exitCode: 0, signal: undefined }),
  spawn: async () => ({
    stdout: silence,
    stderr: silence,
    exited: Promise.resolve({ exitCode: 0, signal: undefined }),
    kill: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }),
  forwardPort: async (port) => ({ localPort: port, [Symbol.asyncDispose]: async () => undefined }),
  [Symbol.asyncDispose]: async () => undefined,
};

/** The honest host but for one method. */
export function lyingHost(honest: Host, lie: Lie): Host {
  return { ...honest, ...lie.tell(honest) };
}

const commandLie =
  (change: (command: Command, options: CommandOptions) => [Command, CommandOptions]): Lie['tell'] =>
  (honest) => ({
    run: (command, options = {}) => honest.run(...change(command, options)),
    spawn: (command, options = {}) => honest.spawn(...change(command, options)),
  });

const resultLie =
  (change: (result: RunResult) => RunResult): Lie['tell'] =>
  (honest) => ({ run: async (...call: Parameters<Run>) => change(await honest.run(...call)) });

const processLie =
  (change: (child: HostProcess) => HostProcess): Lie['tell'] =>
  (honest) => ({ spawn: async (...call: Parameters<Host['spawn']>) => change(await honest.spawn(...call)) });

async function* swallowing(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* source;
  } catch {
    // The lie: what was there so far is passed off as all of it.
  }
}

async function* firstPiece(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of source) {
    yield chunk;
    return;
  }
}

/** One promise broken each. */
export const lies: readonly Lie[] = [
  {
    name: 'joins the words of a command for a shell',
    tell: commandLie((command, options) => [['sh', '-c', command.join(' ')], options]),
    caughtBy: ['run hands words over as they are, whatever a shell would read in them'],
  },
  {
    name: 'decodes output as text',
    tell: resultLie((result) => ({ ...result, stdout: Buffer.from(result.stdout.toString()) })),
    caughtBy: ['run keeps every byte of stdout and stderr', 'stdin takes bytes and changes none'],
  },
  {
    name: 'merges stderr into stdout',
    tell: resultLie((result) => ({ ...result, stdout: Buffer.concat([result.stdout, result.stderr]) })),
    caughtBy: ['run returns what a command prints, stdout and stderr apart, and its exit code'],
  },
  {
    name: 'takes an end by a signal for an exit code',
    tell: resultLie((result) =>
      result.signal === undefined ? result : { ...result, exitCode: 137, signal: undefined },
    ),
    caughtBy: ['run reports the signal that ended a command'],
  },
  {
    name: 'gives exit codes above 125 a meaning of its own',
    tell: resultLie((result) => ({ ...result, exitCode: Math.min(result.exitCode ?? 0, 125) })),
    caughtBy: ['run gives every exit code as a result, also those that a shell gives a meaning to'],
  },
  {
    name: 'puts variables into the argv of env',
    tell: commandLie((command, { env = {}, ...options }) => [
      [
        'sh',
        '-c',
        'env "$@"; exit $?',
        'sh',
        ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
        ...command,
      ],
      options,
    ]),
    caughtBy: ['run puts no value of a variable into an argv'],
  },
  {
    name: 'replaces the environment',
    tell: commandLie((command, { env = {}, ...options }) => [
      ['env', '-i', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...command],
      options,
    ]),
    caughtBy: ['run adds variables to the environment of the host'],
  },
  {
    name: 'gives all commands one run id',
    tell: commandLie((command, options) => [
      command,
      { ...options, env: { [RUN_ID_VARIABLE]: 'f'.repeat(24), ...options.env } },
    ]),
    caughtBy: ['run marks each command with a run id of its own, unless the caller gives one'],
  },
  {
    name: 'runs elsewhere when the directory is missing',
    tell: (honest) => ({
      run: async (command, options) =>
        honest.run(command, options).catch(async (error: { code?: string }) => {
          if (error.code === 'CWD_NOT_FOUND') return honest.run(command, { ...options, cwd: '/' });
          throw error;
        }),
    }),
    caughtBy: ['run says CWD_NOT_FOUND for a directory that is missing and for one that is a file'],
  },
  {
    name: 'ignores the directory',
    tell: commandLie((command, options) => {
      const { cwd: _, ...rest } = options;
      return [command, rest];
    }),
    caughtBy: [
      'run starts in the directory it is given, whatever its name',
      'run finds a program by a path relative to the directory',
    ],
  },
  {
    name: 'starts in the root directory',
    tell: commandLie((command, options) => [command, { cwd: '/', ...options }]),
    caughtBy: ['run starts in the home directory'],
  },
  {
    name: 'leaves a missing program to a shell',
    tell: commandLie((command, options) => [['sh', '-c', '"$@"; exit $?', 'sh', ...command], options]),
    caughtBy: ['run says COMMAND_NOT_FOUND, naming program and host and no argument', 'spawn throws as run does'],
  },
  {
    name: 'knows no limit of output',
    tell: (honest) => ({
      run: (command, options) => {
        const isEndless = command.includes('yes') || command.some((word) => word.startsWith('yes '));
        return honest.run(isEndless ? ['head', '-c', '200000', '/dev/zero'] : command, {
          ...options,
          maxOutputBytes: 2 ** 26,
        });
      },
    }),
    caughtBy: ['run ends a command that prints more than the limit, and keeps one that prints just as much'],
  },
  {
    name: 'mixes up the results of commands that run at the same time',
    tell: (honest) => {
      let last: Promise<RunResult> | undefined;
      return {
        run: (...call: Parameters<Run>) => {
          const mine = honest.run(...call);
          mine.catch(() => undefined);
          const given = last ?? mine;
          last = mine;
          return given.finally(() => (last === mine ? (last = undefined) : undefined));
        },
      };
    },
    caughtBy: ['run does not mix up commands that run at the same time'],
  },
  {
    name: 'passes off what a failing source gave so far as all of it',
    tell: commandLie((command, options) => {
      const { stdin } = options;
      const isStream = typeof stdin === 'object' && !(stdin instanceof Uint8Array);
      return [command, isStream ? { ...options, stdin: swallowing(stdin) } : options];
    }),
    caughtBy: [
      'stdin that fails ends the command, and run rejects with that very error',
      'pushFile keeps what is there when its source fails, is too short, too long or not what was announced',
      'writeFiles writes nothing at all when a stream fails or is not as long as announced',
      'restoring changes nothing when the archive is cut short, is none, is too large, or its source fails',
    ],
  },
  {
    name: 'reads the whole input before the command starts',
    tell: (honest) => ({
      spawn: async (command, options = {}) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of (options.stdin ?? []) as Bytes) {
          chunks.push(chunk);
          if (chunks.length === 1) break;
        }
        return honest.spawn(command, { ...options, stdin: Buffer.concat(chunks) });
      },
    }),
    caughtBy: [
      'stdin is written while output is read: a dialogue',
      'downloadFile fetches through redirects, checks the digest on the host and sets the mode',
    ],
  },
  {
    name: 'hands over output only when it is complete, and holds all of it',
    tell: (honest) => ({
      spawn: async (command, options) => {
        const result = await honest.run(command, { ...options, maxOutputBytes: 2 ** 26 });
        const given = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
          yield bytes;
        };
        return {
          stdout: given(result.stdout),
          stderr: given(result.stderr),
          exited: Promise.resolve({ exitCode: result.exitCode, signal: result.signal }),
          kill: async () => undefined,
          [Symbol.asyncDispose]: async () => undefined,
        };
      },
    }),
    caughtBy: [
      'spawn lets the command wait while nobody reads',
      'downloadFile tells how far it is while more is to come',
    ],
  },
  {
    name: 'kills nothing and says that it did',
    tell: processLie((child) => ({
      ...child,
      kill: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    })),
    caughtBy: [
      'kill ends children, sessions and orphans that ignore TERM, and resolves when all are gone',
      'kill may be called twice, at the same time, and after the end',
      'kill ends what a command left behind when it had already ended',
      'disposing a process is killing it',
    ],
  },
  {
    name: 'kills without grace',
    tell: processLie((child) => ({ ...child, kill: () => child.kill({ graceMs: 0 }) })),
    caughtBy: ['kill gives the command its grace'],
  },
  {
    name: 'rejects on abort and timeout and lets the command run',
    tell: (honest) => ({
      run: (command, { abortSignal, timeoutMs, ...options } = {}) => {
        const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
        const rejectWith = (code: HostErrorCode): void => reject(new HostError(code, 'Not waited for'));
        abortSignal?.addEventListener('abort', () => rejectWith('ABORTED'));
        if (timeoutMs !== undefined) setTimeout(() => rejectWith('TIMEOUT'), timeoutMs);
        honest.run(command, options).then(resolve, reject);
        return promise;
      },
    }),
    caughtBy: ['abort ends the tree of a run before it rejects', 'timeoutMs ends the tree and rejects with TIMEOUT'],
  },
  {
    name: 'starts first and looks at the signal later',
    tell: (honest) => ({
      run: async (command, options = {}) => {
        if (options.abortSignal?.aborted === true) {
          const { abortSignal: _, ...rest } = options;
          await honest.run(command, rest);
        }
        return honest.run(command, options);
      },
    }),
    caughtBy: ['abort before the start starts nothing'],
  },
  {
    name: 'takes a command that is aborted while it starts for one that has ended well',
    tell: (honest) => ({
      run: async (command, options = {}) => {
        await nextTurn();
        return honest.run(options.abortSignal?.aborted === true ? ['true'] : command);
      },
    }),
    caughtBy: ['abort during the start ends what starts'],
  },
  {
    name: 'lets a cut output look whole',
    tell: processLie((child) => ({
      ...child,
      stdout: swallowing(child.stdout),
    })),
    caughtBy: ['abort fails the streams of a spawned command: a cut output never looks whole'],
  },
  {
    name: 'stays open when it is disposed',
    tell: () => ({ [Symbol.asyncDispose]: async () => undefined }),
    caughtBy: [
      'dispose may be called twice, also at the same time, and before anything was run',
      'dispose makes later calls reject with DISPOSED',
      'dispose ends what commands left in the background, but not what carries a run id of its own',
    ],
  },
  {
    name: 'keeps listening on a port that was given back',
    tell: (honest) => ({
      forwardPort: async (port, options) => {
        const forward = await honest.forwardPort(port, options);
        return { ...forward, [Symbol.asyncDispose]: async () => undefined };
      },
    }),
    caughtBy: ['forwardPort stops when it is disposed, also twice, and ends open connections'],
  },
  {
    name: 'forwards to nowhere',
    tell: (honest) => ({ forwardPort: (_, options) => honest.forwardPort(9, { localPort: 0, ...options }) }),
    caughtBy: [
      'forwardPort reaches a port of the host',
      'forwardPort passes megabytes both ways and keeps the end of one way apart from the other',
      'forwardPort takes several ports and several connections at once',
    ],
  },
  {
    name: 'fails when a command does not read its input',
    tell: (honest) => ({
      run: async (command, options) => {
        if (command[0] === 'true' && options?.stdin !== undefined) throw new Error('write EPIPE');
        return honest.run(command, options);
      },
    }),
    caughtBy: ['stdin may be ignored by the command'],
  },
  {
    name: 'chooses another local port than the one asked for',
    tell: (honest) => ({ forwardPort: (port, options) => honest.forwardPort(port, { ...options, localPort: 0 }) }),
    caughtBy: ['forwardPort uses the local port it is given, and says FORWARD_FAILED when that is taken'],
  },
  {
    name: 'has a tool for digests that says what one wants to hear',
    tell: commandLie((command, options) => [
      command.map((word, index) => (index === 2 ? `sha256sum() { echo ${wrongDigest}; }\n${word}` : word)),
      options,
    ]),
    caughtBy: ['downloadFile leaves what was there when the digest is another one'],
  },
  {
    name: 'drops what a command prints',
    tell: processLie((child) => ({ ...child, stdout: silence })),
    caughtBy: [
      'downloadFile says DOWNLOAD_FAILED for an answer that is no file, and for half a file, and leaves nothing',
      'downloadFile gives up what brings no byte, and what is too large',
    ],
  },
  {
    name: 'says that a spawned command was aborted, and lets it run',
    tell: (honest) => ({
      spawn: async (command, { abortSignal, ...options } = {}) => {
        const child = await honest.spawn(command, options);
        const aborted = Promise.withResolvers<never>();
        aborted.promise.catch(() => undefined);
        abortSignal?.addEventListener('abort', () => aborted.reject(new HostError('ABORTED', 'Not waited for')));
        const chunks = child.stdout[Symbol.asyncIterator]();
        const next = (): ReturnType<typeof chunks.next> => Promise.race([chunks.next(), aborted.promise]);
        const exited = Promise.race([child.exited, aborted.promise]);
        exited.catch(() => undefined);
        return {
          ...child,
          stdout: { [Symbol.asyncIterator]: () => ({ next }) },
          exited,
          kill: async () => undefined,
        };
      },
    }),
    caughtBy: ['downloadFile that is aborted leaves neither a file nor a connection'],
  },
  {
    name: 'trusts every directory',
    tell: commandLie((command, options) => [
      command.map((word, index) => (index === 6 && word.startsWith('/') ? '' : word)),
      options,
    ]),
    caughtBy: ['downloadFile follows no link below beneath, and replaces one in the place of the file'],
  },
  {
    name: 'ends the input with its first piece',
    tell: commandLie((command, options) => {
      const { stdin } = options;
      const isStream = typeof stdin === 'object' && !(stdin instanceof Uint8Array);
      return [command, isStream ? { ...options, stdin: firstPiece(stdin) } : options];
    }),
    caughtBy: [
      'followLines delivers what is appended, from before the file exists to the end of what it waits for',
      'followLines loses and doubles nothing of a file that is cut, replaced or written anew',
      'followLines follows many files at once, and none waits for one that nobody reads',
    ],
  },
  {
    name: 'drops every variable but its own',
    tell: commandLie((command, options) => {
      const { env: _, ...rest } = options;
      return [command, rest];
    }),
    caughtBy: ['startSupervised keeps the output and the exit code of a command that gets its variables'],
  },
  {
    name: 'cuts output off at a NUL',
    tell: resultLie((result) => {
      const end = result.stdout.indexOf(0);
      return end < 0 ? result : { ...result, stdout: result.stdout.subarray(0, end) };
    }),
    caughtBy: [
      'a supervised process outlives the host object, is found again by its run id, and is stopped with what it started',
    ],
  },
];
