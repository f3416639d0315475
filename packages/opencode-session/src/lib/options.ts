import type { BrowserMode } from '@optio-ts/agents-prompt';
import type { AgentSessionHooks } from '@optio-ts/agents-session';
import type { ConfineMode, Host, HostFile } from '@optio-ts/host-core';
import type { EnsureOpencodeOptions, OpencodeSource } from '@optio-ts/opencode-installer';
import type { AuthEntry, OpencodeConfig } from '@optio-ts/opencode-launcher';
import type { Cipher, Store } from '@optio-ts/seed-engine';

/** What a session needs and may be told. */
export interface StartOpencodeSessionOptions {
  /** The machine to run on. Stays the caller's: it is not disposed at the end. */
  readonly host: Host;
  /** Where the session document, seeds and snapshots are kept. Stays the caller's. */
  readonly store: Store;
  /** Seals everything secret that is stored: seeds and the server's password. */
  readonly cipher: Cipher;
  /** The caller's name of the task: letters, digits, `.`, `_` and `-`. One run of a task at a time. */
  readonly taskId: string;
  /** What the agent is to do; the last section of its AGENTS.md. */
  readonly task: string;
  /** Whether to send the agent to work at once, or to leave the first message to a person. @default false */
  readonly autoStart?: boolean;
  /** Which model answers, as `provider/model`. @default what `config`, `homeConfig` or the seed say */
  readonly model?: string;
  /** opencode's configuration for this task, written to `opencode.json` in the workdir at every start. @default none */
  readonly config?: OpencodeConfig;
  /**
   * opencode's configuration of the agent's home: providers and models. Part of what a seed captures, so the next session from
   * that seed has it. @default what the seed brings
   */
  readonly homeConfig?: OpencodeConfig;
  /** Logins by provider, written to the home's `auth.json` (0600); a seed captures them. @default what the seed brings */
  readonly login?: Readonly<Record<string, AuthEntry>>;
  /** The seed to start from: an id of `store`. @default none: an empty home */
  readonly seedId?: string;
  /**
   * What to do while another session has the seed. A seed with a login that rotates (OAuth) is for one session at a time, from
   * which it takes the rotated login back; others are shared.
   *
   * @default 'wait'
   */
  readonly whenSeedBusy?: 'wait' | 'refuse';
  /** Keep the login and model of this session as a new seed when it ends well. @default not kept */
  readonly saveSeed?: SaveSeedOptions;
  /**
   * Go on where the last run of this task ended: its workdir, its login and opencode's session come back from the newest
   * snapshot, on this host or another. Without one the session starts fresh, and a warning says so. @default false
   */
  readonly resume?: boolean;
  /** Whether a snapshot is kept when the session ends, for a later `resume`. @default true */
  readonly supportsResume?: boolean;
  /** Patterns of what a snapshot leaves out of the workdir, instead of the usual ones. @default `DEFAULT_EXCLUDES` of host-core */
  readonly workdirExclude?: readonly string[];
  /** Files for the workdir, before the agent starts. Paths are relative to it. A resumed session does not get them. @default none */
  readonly files?: Iterable<HostFile> | AsyncIterable<HostFile>;
  /** Variables for the agent's environment, on top of the allowed ones. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the agent sees only its task directory. @default 'auto' */
  readonly confine?: ConfineMode;
  /** What becomes of the agent's wish to open a browser. @default 'suppress' */
  readonly browser?: BrowserMode;
  /** Where opencode comes from. @default the npm registry, as npm's own configuration says */
  readonly source?: OpencodeSource;
  /** Absolute directory on the host for the binary. @default see `ensureOpencode` */
  readonly cacheDirectory?: string;
  /** Who fetches a missing opencode, and which old versions stay. @default see `ensureOpencode` */
  readonly install?: Pick<EnsureOpencodeOptions, 'evict' | 'fetch' | 'installIfMissing' | 'sendCredentials'>;
  /** Absolute directory on the host below which task directories are made. @default see `openWorkspace` */
  readonly taskRoot?: string;
  /** Called at fixed points of the session, with means to reach the host. @default none */
  readonly hooks?: AgentSessionHooks;
  /** Milliseconds after which the session is ended. @default no limit */
  readonly deadlineMs?: number;
  /** Milliseconds of silence (the agent idle without DONE or ERROR) before each step: remind, raise attention, fail. @default 60_000 */
  readonly idleLimitMs?: number;
  /** Bytes that one deliverable may have. @default 1 GiB */
  readonly maxDeliverableBytes?: number;
  /** Who runs this, for the session document. @default a random id per process */
  readonly owner?: string;
  /** Cancels the session as `cancel()` does. */
  readonly abortSignal?: AbortSignal;
}

/** How a session's login is kept. */
export interface SaveSeedOptions {
  /** A name for people. @default none */
  readonly label?: string;
}

const TASK_ID = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;
const MODEL = /^[^/\s]+\/\S+$/;

/** Refuses what cannot work, with a `TypeError` that names the option, before anything is touched. */
export function checkOptions(options: StartOpencodeSessionOptions): void {
  if (!TASK_ID.test(options.taskId)) {
    throw new TypeError(
      `taskId must be 1 to 128 letters, digits, ".", "_" or "-", and not "." or "..": got ${JSON.stringify(options.taskId)}`,
    );
  }
  if (options.task.trim() === '') throw new TypeError('task must say what the agent is to do: it is empty');
  if (options.model !== undefined && !MODEL.test(options.model)) {
    throw new TypeError(`model must be "provider/model": got ${JSON.stringify(options.model)}`);
  }
  for (const name of ['deadlineMs', 'idleLimitMs', 'maxDeliverableBytes'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
      throw new TypeError(`${name} must be a positive number: got ${value}`);
    }
  }
}
