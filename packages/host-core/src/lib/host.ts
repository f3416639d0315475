/** A stream of bytes, in either direction. Node streams, web streams and generators all are one. */
export type Bytes = AsyncIterable<Uint8Array>;

/** A program and its arguments. Never a string: nothing of it is read by a shell. */
export type Command = readonly string[];

/** What a command reads on its standard input. Absent: an input that is at its end. */
export type StdinSource = string | Uint8Array | Bytes;

/** What every command takes. */
export interface CommandOptions {
  /** Absolute directory to run in. @default the home directory of the host's user */
  readonly cwd?: string;
  /**
   * Variables added to the host's environment. Values never appear in an argv, on this machine or on the host.
   * Names must be identifiers; anything else is a `TypeError`.
   */
  readonly env?: Readonly<Record<string, string>>;
  /** What the command reads. @default nothing: end of input at once */
  readonly stdin?: StdinSource;
  /** Ends the command, on the far side too. Armed before a connection is made. */
  readonly abortSignal?: AbortSignal;
  /** Milliseconds until the command is ended as by `abortSignal`. @default no limit */
  readonly timeoutMs?: number;
}

/** Options of `Host.run`. */
export interface RunOptions extends CommandOptions {
  /**
   * Bytes kept of each of the two streams. A command that prints more is ended with `OUTPUT_LIMIT`.
   * @default 16 MiB
   */
  readonly maxOutputBytes?: number;
}

/** Options of `Host.spawn`. */
export type SpawnOptions = CommandOptions;

/** How a process ended: by itself with a code, or by a signal. */
export interface ProcessExit {
  /** `undefined` when a signal ended it. */
  readonly exitCode: number | undefined;
  /** For instance `SIGKILL`; `undefined` when it ended by itself. */
  readonly signal: string | undefined;
}

/** What a command printed and how it ended. A non-zero exit code is a result, not an error. */
export interface RunResult extends ProcessExit {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** A running process. */
export interface HostProcess extends AsyncDisposable {
  /** Its output. Read it or the process blocks; nothing is held but one buffer. */
  readonly stdout: Bytes;
  readonly stderr: Bytes;
  /**
   * Settles when the process has ended and its output has been handed over or dropped. Rejects with a `HostError`
   * (`ABORTED`, `TIMEOUT`, `CONNECTION_LOST`) when that is why it ended or cannot be known. Never an unhandled rejection.
   */
  readonly exited: Promise<ProcessExit>;
  /**
   * Ends the process group, its descendants and all that carry its run id: TERM, a grace, KILL, until a pass finds nothing.
   * Resolves when that is confirmed; rejects with `KILL_NOT_CONFIRMED` where it cannot be. Idempotent.
   */
  kill(options?: KillOptions): Promise<void>;
  /** The same as `kill()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of `HostProcess.kill`. */
export interface KillOptions {
  /** Milliseconds between TERM and KILL; 0 sends KILL at once. @default 2000 */
  readonly graceMs?: number;
}

/** Options of `Host.forwardPort`. */
export interface ForwardPortOptions {
  /** Port on this machine. @default chosen by the system (on this machine itself: the port that is forwarded) */
  readonly localPort?: number;
  readonly abortSignal?: AbortSignal;
}

/** A port on this machine that reaches a port on the host's loopback interface. */
export interface PortForward extends AsyncDisposable {
  /** On 127.0.0.1 of this machine. Stays the same across a reconnect. */
  readonly localPort: number;
  /** Stops listening and ends open connections. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A machine one can run commands on: few primitives, everything else is derived from them.
 *
 * All of these behave the same on every host: explicit directory, `env` adds to the host's environment, no login shell, no
 * profile. Errors are `HostError`s; a caller's mistake is a `TypeError` before any I/O.
 */
export interface Host extends AsyncDisposable {
  /** For messages: `this machine`, or `user@build-3`. Never holds a secret. */
  readonly description: string;
  /**
   * Runs a command to its end.
   *
   * Throws `COMMAND_NOT_FOUND` for a program that is not there, `CWD_NOT_FOUND` for a directory that is not, `OUTPUT_LIMIT`,
   * `ABORTED`, `TIMEOUT`, and, over a link, `CONNECT_FAILED` and `CONNECTION_LOST`.
   */
  run(command: Command, options?: RunOptions): Promise<RunResult>;
  /** Starts a command and hands over its streams. Throws as `run` does. */
  spawn(command: Command, options?: SpawnOptions): Promise<HostProcess>;
  /** Makes a port of the host's loopback interface reachable here. Throws `FORWARD_FAILED`. */
  forwardPort(port: number, options?: ForwardPortOptions): Promise<PortForward>;
  /** Ends everything this host object started, but for supervised processes. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}
