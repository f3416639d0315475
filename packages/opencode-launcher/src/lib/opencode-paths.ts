import { posix } from 'node:path';

/** Where opencode keeps what, below its own home. All paths are absolute and on the host. */
export interface OpencodePaths {
  /** `HOME` of the server and of every tool it runs. */
  readonly home: string;
  /** `XDG_CONFIG_HOME` */
  readonly configHome: string;
  /** `XDG_DATA_HOME` */
  readonly dataHome: string;
  /** `XDG_CACHE_HOME` */
  readonly cacheHome: string;
  /** `XDG_STATE_HOME` */
  readonly stateHome: string;
  /** Where logins are kept: `auth.json`. */
  readonly authFile: string;
  /** `opencode.json` in the workdir: what this session is configured with. */
  readonly configFile: string;
  /** `AGENTS.md` in the workdir: what the agent is told. */
  readonly agentsFile: string;
  /** The database of sessions, beside the workdir so that no archive of the workdir holds it. */
  readonly database: string;
}

/** The directories of a task that the paths follow from. A `Workspace` has them. */
export interface TaskDirectories {
  /** Absolute path of the task's directory. */
  readonly taskDirectory: string;
  /** Absolute path of the directory that the agent works in. */
  readonly workdir: string;
  /** Absolute path of the agent's own home. */
  readonly home: string;
}

/** Lays out opencode's files for a task. */
export function opencodePaths(directories: TaskDirectories): OpencodePaths {
  const home = withoutTrailingSlash(directories.home);
  const workdir = withoutTrailingSlash(directories.workdir);
  const dataHome = posix.join(home, '.local/share');
  return {
    home,
    configHome: posix.join(home, '.config'),
    dataHome,
    cacheHome: posix.join(home, '.cache'),
    stateHome: posix.join(home, '.local/state'),
    authFile: posix.join(dataHome, 'opencode/auth.json'),
    configFile: posix.join(workdir, 'opencode.json'),
    agentsFile: posix.join(workdir, 'AGENTS.md'),
    database: posix.join(withoutTrailingSlash(directories.taskDirectory), 'opencode.db'),
  };
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
