import type { Host, HostFile } from '@optio-ts/host-core';
import { startOpencodeSession } from '@optio-ts/opencode-session';
import type { OpencodeSession, StartOpencodeSessionOptions } from '@optio-ts/opencode-session';
import type { Cipher, Store } from '@optio-ts/seed-engine';

import { driveSession } from './drive-session.ts';
import { joinHooks } from './hooks.ts';
import type { HookModule } from './hooks.ts';
import type { Interrupts } from './interrupts.ts';
import type { Reporter, TaskSummary } from './report/reporter.ts';
import { openOutput } from './session-output.ts';
import type { SessionOutput } from './session-output.ts';
import type { TaskDefinition } from './task.ts';

/** Options of `runTask`. */
export interface RunTaskOptions {
  readonly task: TaskDefinition;
  readonly host: Host;
  /** The machine, as the user names it. */
  readonly hostName: string;
  readonly store: Store;
  readonly cipher: Cipher;
  /** What the agent finds in its working directory. @default nothing */
  readonly files?: Iterable<HostFile>;
  readonly reporter: Reporter;
  readonly interrupts: Interrupts;
  /** Code around the session. @default none */
  readonly hooks?: readonly HookModule[];
  /** Go on where the last run of this task ended. @default false */
  readonly resume?: boolean | undefined;
  /** Said to the agent when it is sent to work. @default nothing */
  readonly message?: string | undefined;
  /** Called when all is checked, right before the session starts. @default not called */
  readonly onReady?: (() => Promise<void>) | undefined;
  /** Called when there is a session. @default not called */
  readonly onSession?: ((session: OpencodeSession) => void) | undefined;
  /** How long its owner may be silent before another worker takes the session. @default a minute */
  readonly leaseMs?: number | undefined;
  /** Absolute directory below which task directories are made. @default the host's own, see `openWorkspace` */
  readonly taskRoot?: string | undefined;
  /** Absolute directory on the host for opencode. @default see `ensureOpencode` */
  readonly cacheDirectory?: string | undefined;
}

/**
 * Runs one task to its end: shows how it goes, saves what it delivers, and ends it when somebody presses Ctrl-C (once: in good
 * order; twice: at once). The summary is returned, not yet shown. Throws only for what went wrong before there was a session.
 */
export async function runTask(options: RunTaskOptions): Promise<TaskSummary> {
  const { interrupts, task } = options;
  const output = await openOutput(task.outputDirectory);
  interrupts.abortSignal.throwIfAborted();
  await options.onReady?.();
  const session = await startOpencodeSession(sessionOptions(options, output));
  options.onSession?.(session);
  return driveSession(session, { ...options, output });
}

function sessionOptions(options: RunTaskOptions, output: SessionOutput): StartOpencodeSessionOptions {
  const { cipher, host, store, task } = options;
  return {
    host,
    store,
    cipher,
    taskId: task.id,
    task: task.prompt,
    autoStart: true,
    ...(options.resume === true && { resume: true }),
    ...(options.message !== undefined && { message: options.message }),
    hooks: joinHooks([output.hooks, ...(options.hooks ?? [])]),
    ...(task.model === undefined ? {} : { model: task.model }),
    ...(task.homeConfig === undefined ? {} : { homeConfig: task.homeConfig }),
    ...(task.config === undefined ? {} : { config: task.config }),
    ...(task.login === undefined ? {} : { login: task.login }),
    ...(task.env === undefined ? {} : { env: task.env }),
    ...(task.deadlineMs === undefined ? {} : { deadlineMs: task.deadlineMs }),
    ...(task.seedId === undefined ? {} : { seedId: task.seedId }),
    ...(task.confine === undefined ? {} : { confine: task.confine }),
    ...(task.saveSeed === false
      ? {}
      : { saveSeed: task.saveSeed.label === undefined ? {} : { label: task.saveSeed.label } }),
    ...(options.files === undefined ? {} : { files: options.files }),
    ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    ...(options.taskRoot === undefined ? {} : { taskRoot: options.taskRoot }),
    ...(options.cacheDirectory === undefined ? {} : { cacheDirectory: options.cacheDirectory }),
  };
}
