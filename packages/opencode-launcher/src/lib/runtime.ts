import { DEFAULT_KEPT_ENVIRONMENT, probeHost } from '@optio-ts/host-core';
import type { Command, ConfineMode, Host, HostProbe, Workspace } from '@optio-ts/host-core';

import { decideConfinement, isolateCommand } from './opencode-command.ts';
import type { GrantedPaths } from './opencode-command.ts';
import { opencodeEnvironment } from './opencode-environment.ts';
import { secretsOf } from './redact.ts';

/** Which opencode is run. An `OpencodeBinary` of `@optio-ts/opencode-installer` is one. */
export interface OpencodeProgram {
  /** Absolute path on the host. */
  readonly path: string;
  /** What it says to `--version`: `1.18.33`. */
  readonly version: string;
  /** Absolute path of a ripgrep on the host. Without one opencode tries to download it when the agent first searches. */
  readonly ripgrepPath?: string | undefined;
}

/** Something that went other than wished, and was gone on from. */
export interface OpencodeWarning {
  readonly code: 'DISPOSE_FAILED' | 'NOT_CONFINED' | 'PORT_TAKEN';
  readonly message: string;
}

/** Options of everything that runs opencode for a task. */
export interface OpencodeTaskOptions {
  readonly host: Host;
  /** The task's directories on that host. */
  readonly workspace: Workspace;
  readonly binary: OpencodeProgram;
  /** What is known about the host. @default asked: one round trip */
  readonly probe?: HostProbe;
  /** Whether opencode sees only its task directory and the system's programs. @default 'auto' */
  readonly confine?: ConfineMode;
  /** Directories of the host that a confined opencode sees besides. @default none */
  readonly grants?: GrantedPaths;
  /** Variables for opencode and the agent's tools. They win over everything else. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** Globs of variables that are inherited from the host's environment. @default host-core's `DEFAULT_KEPT_ENVIRONMENT` */
  readonly keepEnv?: readonly string[];
  /** Globs of variables that are not inherited, whatever `keepEnv` says. @default none */
  readonly scrubEnv?: readonly string[];
  /** Called with what went other than wished. @default not reported */
  readonly onWarning?: (warning: OpencodeWarning) => void;
  /** Ends what was begun, on the host too. */
  readonly abortSignal?: AbortSignal;
}

/** The isolation that every process of a task's opencode runs in, the server and each other call alike. */
export interface OpencodeRuntime {
  readonly isConfined: boolean;
  /** Variables to set. */
  readonly env: Readonly<Record<string, string>>;
  /** Globs of variables to inherit; with a leading `!` of those not to. */
  readonly keepEnv: readonly string[];
  /** Values of the environment that must not be seen in messages. */
  readonly secrets: readonly string[];
  /** Puts a command into its confinement, where there is one. */
  isolate(command: Command): Command;
}

/** Decides how a task's opencode is run. Throws `CONFINEMENT_UNAVAILABLE` before anything is written. */
export async function prepareRuntime(options: OpencodeTaskOptions): Promise<OpencodeRuntime> {
  const { host, workspace, binary, env = {}, scrubEnv = [] } = options;
  checkProgram(binary);
  const probe =
    options.probe ??
    (await probeHost(host, options.abortSignal === undefined ? {} : { abortSignal: options.abortSignal }));
  const { isConfined, warning } = decideConfinement(options.confine ?? 'auto', probe.canConfine, host.description);
  if (warning !== undefined) options.onWarning?.({ code: 'NOT_CONFINED', message: warning });
  return {
    isConfined,
    env: opencodeEnvironment({
      directories: workspace,
      hostPath: probe.path,
      ...(binary.ripgrepPath === undefined ? {} : { ripgrepPath: binary.ripgrepPath }),
      shell: probe.tools['bash'] ?? '/bin/sh',
      env,
    }),
    keepEnv: [...(options.keepEnv ?? DEFAULT_KEPT_ENVIRONMENT), ...scrubEnv.map((glob) => `!${glob}`)],
    secrets: secretsOf(env),
    isolate: (command) =>
      isolateCommand(command, {
        directories: workspace,
        programs: programsOf(binary),
        isConfined,
        grants: options.grants ?? {},
      }),
  };
}

function checkProgram(binary: OpencodeProgram): void {
  for (const path of programsOf(binary)) {
    if (!path.startsWith('/')) throw new TypeError(`The path of a program must be absolute: ${JSON.stringify(path)}`);
  }
}

function programsOf(binary: OpencodeProgram): readonly string[] {
  return binary.ripgrepPath === undefined ? [binary.path] : [binary.path, binary.ripgrepPath];
}
