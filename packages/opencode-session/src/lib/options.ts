import type { BrowserMode } from '@optio-ts/agents-prompt';
import type { AgentSessionHooks, SessionLimits } from '@optio-ts/agents-session';
import type { ConfineMode, Host, HostFile } from '@optio-ts/host-core';
import type { EnsureOpencodeOptions, OpencodeSource } from '@optio-ts/opencode-installer';
import type { AuthEntry, OpencodeConfig } from '@optio-ts/opencode-launcher';
import type { Cipher, DocumentValue, Store } from '@optio-ts/seed-engine';

import type { PermissionPolicy, QuestionPolicy } from './agent-requests.ts';
import type { PickSeed } from './pick-seed.ts';
import type { RefreshTask } from './refresh-task.ts';

/** What a session needs and may be told. */
export interface StartOpencodeSessionOptions {
  /** The machine to run on. Stays the caller's: it is not disposed at the end. */
  readonly host: Host;
  /** Where the session document, seeds and snapshots are kept. Stays the caller's. */
  readonly store: Store;
  /** Seals everything secret that is stored: snapshots, seeds and the server's password. */
  readonly cipher: Cipher;
  /** Seals the workdir of a snapshot in its place. @default `cipher`, with `compat` none */
  readonly workdirCipher?: Cipher;
  /** Seals and opens seeds in its place. @default `cipher` */
  readonly seedCipher?: Cipher;
  /** The caller's name of the task: letters, digits, `.`, `_` and `-`. One run of a task at a time. */
  readonly taskId: string;
  /** What the agent is to do; the last section of its AGENTS.md. */
  readonly task: string;
  /** Whether to send the agent to work at once, or to leave the first message to a person. @default false */
  readonly autoStart?: boolean;
  /**
   * What is said to the agent when it is sent to work, beside the words that do so: what is new when a task is resumed, for instance.
   * Needs `autoStart`. It is said once, and does not become part of `task`. @default nothing
   */
  readonly message?: string;
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
  /** The seed to start from: an id of `store`, or a function that picks one from a pool. @default none: an empty home */
  readonly seedId?: string | PickSeed;
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
   * Called when a seed was kept, with the model that a session from it uses; asks for one as `saveSeed` does. Throwing is a warning
   * and changes nothing. @default not called
   */
  readonly onSeedSaved?: (seedId: string, model: string | undefined) => void | Promise<void>;
  /**
   * Go on where the last run of this task ended: its workdir, its login and opencode's session come back from the newest
   * snapshot, on this host or another. Without one the session starts fresh, and a warning says so. @default false
   */
  readonly resume?: boolean;
  /** Whether a snapshot is kept when the session ends, for a later `resume`. @default true */
  readonly supportsResume?: boolean;
  /** Patterns of what a snapshot leaves out of the workdir, instead of the usual ones. @default `DEFAULT_EXCLUDES` of host-core */
  readonly workdirExclude?: readonly string[];
  /**
   * Bytes of files in the workdir, before compression, that a snapshot takes. Where there are more, none is taken, a warning says
   * so, and the directory stays on the host. @default no limit
   */
  readonly maxSnapshotBytes?: number;
  /**
   * `optio-0.1`: snapshots are written as the Python package optio-opencode 0.1 reads them. The workdir is then neither sealed nor
   * without the login that is in it; `cipher` must be a `bytesCipher` of its hooks, or `noCipher` where it has none.
   *
   * @default sealed, the login apart: what only this package reads
   */
  readonly compat?: 'optio-0.1';
  /**
   * Whether a resumed session gets a new AGENTS.md, which `resume.log` then tells the agent: `always` out of these options, `never`,
   * or out of what a function makes of them. Where the function throws, a warning says so and the old one stays. `opencode.json` is
   * written at every start. @default 'always'
   */
  readonly refresh?: 'always' | 'never' | RefreshTask;
  /** Files for the workdir, before the agent starts. Paths are relative to it. A resumed session does not get them. @default none */
  readonly files?: Iterable<HostFile> | AsyncIterable<HostFile>;
  /** Variables for the agent's environment, on top of the allowed ones. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** The only tools that the agent has, by opencode's names: `bash`, `edit`, `read`, … @default all */
  readonly allowedTools?: readonly string[];
  /** Tools that the agent does not have, also among the allowed ones. @default none */
  readonly disallowedTools?: readonly string[];
  /**
   * What becomes of a permission that the agent asks for: `attention` leaves it to a person, `allow` and `decline` answer it, a
   * function decides for each. Asked is what `config.permission` says; without a person in the place (`autoStart`) that is nothing by
   * default. @default 'attention'
   */
  readonly onPermission?: PermissionPolicy;
  /**
   * What becomes of a question of the agent: `attention` leaves it to a person, `decline` tells the agent to decide for itself, a
   * function answers. @default 'attention'; with `autoStart` the agent cannot ask
   */
  readonly onQuestion?: QuestionPolicy;
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
  /** Milliseconds after which the session is ended; at most 2_147_483_647, some 24 days. @default no limit */
  readonly deadlineMs?: number;
  /**
   * What to do about an agent that stops without DONE or ERROR, or whose model fails: remind it, raise attention, and fail; or leave
   * it to a person. @default 'remind' with `autoStart`, else 'ignore'
   */
  readonly onIdle?: 'remind' | 'ignore';
  /** Milliseconds of silence (the agent idle without DONE or ERROR) before each step: remind, raise attention, fail. @default 60_000 */
  readonly idleLimitMs?: number;
  /** Milliseconds without any sign of an agent that is at work, after which attention is raised. @default 600_000 */
  readonly stallLimitMs?: number;
  /** Milliseconds that the steps at the end may take. @default see `SessionLimits` of agents-session */
  readonly limits?: SessionLimits;
  /** Bytes that one deliverable may have. @default 1 GiB */
  readonly maxDeliverableBytes?: number;
  /** What the caller wants to find in the session document again, as `details.metadata`. Not secret. @default none */
  readonly metadata?: Readonly<Record<string, DocumentValue>>;
  /**
   * Who runs this, for the session document. A worker that is started again under the same name may recover its sessions at once; no
   * two that run at the same time may have one name. @default a random id per process
   */
  readonly owner?: string;
  /** Milliseconds that a worker may be silent before another one may take this session. @default 60_000 */
  readonly leaseMs?: number;
  /** Milliseconds that the agent lives on its host without a worker; at least 1000. @default 24 hours */
  readonly agentLeaseMs?: number;
  /** Cancels the session as `cancel()` does. */
  readonly abortSignal?: AbortSignal;
}

/** How a session's login is kept. */
export interface SaveSeedOptions {
  /** A name for people. @default none */
  readonly label?: string;
}
