import { posix } from 'node:path';

import { opencodePaths } from './opencode-paths.ts';
import type { TaskDirectories } from './opencode-paths.ts';

/** Options of `opencodeEnvironment`. */
export interface OpencodeEnvironmentOptions {
  /** The task's directories; a `Workspace` will do. */
  readonly directories: TaskDirectories & {
    /** Absolute path of the task's own directory for temporary files: opencode leaves megabytes there at each start. */
    readonly temporaryDirectory: string;
  };
  /** `PATH` of the host's user. */
  readonly hostPath: string;
  /** Absolute path of `rg`; opencode tries to download one where `PATH` has none. @default `PATH` is left as it is */
  readonly ripgrepPath?: string;
  /** Shell that the agent's commands run in. @default `/bin/sh` */
  readonly shell?: string;
  /** Variables of the caller, such as those of browser shims. They win over everything else. @default none */
  readonly env?: Readonly<Record<string, string>>;
}

/** The variables that opencode is started with, on top of the few it inherits; without the password, which is the launcher's. */
export function opencodeEnvironment(options: OpencodeEnvironmentOptions): Record<string, string> {
  const paths = opencodePaths(options.directories);
  const environment: Record<string, string> = {
    HOME: paths.home,
    XDG_CONFIG_HOME: paths.configHome,
    XDG_DATA_HOME: paths.dataHome,
    XDG_CACHE_HOME: paths.cacheHome,
    XDG_STATE_HOME: paths.stateHome,
    TMPDIR: options.directories.temporaryDirectory,
    // Without it a service user's /usr/sbin/nologin would be the shell of every command.
    SHELL: options.shell ?? '/bin/sh',
    OPENCODE_DB: paths.database,
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    ...withoutParentDirectories(paths.configFile, paths.agentsFile),
    ...options.env,
  };
  const path = environment['PATH'] ?? options.hostPath;
  environment['PATH'] = options.ripgrepPath === undefined ? path : pathWith(path, posix.dirname(options.ripgrepPath));
  return environment;
}

/**
 * opencode takes configuration, instructions, agents and skills from every directory up to the root, so anybody who can write
 * into a parent of the task could give the agent orders. Project files are turned off as a whole, and the workdir's two that
 * are ours are named.
 */
function withoutParentDirectories(configFile: string, agentsFile: string): Record<string, string> {
  return {
    OPENCODE_DISABLE_PROJECT_CONFIG: '1',
    OPENCODE_DISABLE_CLAUDE_CODE: '1',
    // `.agents/skills` of a parent is read in spite of the two above (measured).
    OPENCODE_DISABLE_EXTERNAL_SKILLS: '1',
    OPENCODE_CONFIG: configFile,
    OPENCODE_CONFIG_CONTENT: JSON.stringify({ instructions: [agentsFile] }),
  };
}

/** At the end, so that it never hides a program of the host. */
function pathWith(path: string, directory: string): string {
  return path.split(':').includes(directory) ? path : `${path}:${directory}`;
}
