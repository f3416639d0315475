import { confineCommand, shellScript } from '@optio-ts/host-core';
import type { Command, ConfineMode } from '@optio-ts/host-core';

import { OpencodeError } from './errors.ts';
import type { TaskDirectories } from './opencode-paths.ts';

/** Directories of the host that a confined opencode sees beside its task and the system's own. */
export interface GrantedPaths {
  /** Absolute paths it may read. @default none */
  readonly readOnly?: readonly string[];
  /** Absolute paths it may read and write. @default none */
  readonly readWrite?: readonly string[];
}

/** What runs opencode, and what it may see. */
export interface OpencodeIsolation {
  readonly directories: TaskDirectories & {
    /** Kept out of sight: the supervisor's records. */
    readonly controlDirectory: string;
  };
  /** Absolute paths of the programs that must be seen: opencode and ripgrep. */
  readonly programs: readonly string[];
  readonly isConfined: boolean;
  readonly grants: GrantedPaths;
}

/** How the server is started. */
export interface ServeCommandOptions {
  /** Absolute path of the binary. */
  readonly program: string;
  readonly mode: 'serve' | 'web';
  readonly hostname: string;
  readonly port: number;
}

/** The command that starts the server. The password is in its environment, never here. */
export function serveCommand(options: ServeCommandOptions): Command {
  return [options.program, options.mode, `--hostname=${options.hostname}`, `--port=${options.port}`];
}

/** What a command that was not run says instead, before the path. */
export const FOREIGN_PARENT = 'optio: somebody else may give the agent orders: ';

/**
 * opencode runs the plugins of every `.opencode` above its directory, and no setting keeps it from that (1.18.33, measured). One
 * that belongs to somebody else ends the start. `$1` is the task directory; nobody else can write below it.
 */
const PARENT_CHECK = `
directory=$1
shift
user=$(id -u)
while :; do
  directory=\${directory%/*}
  if [ -n "$(find "$directory/.opencode" -prune ! -user "$user" ! -user 0 2>/dev/null)" ]; then
    printf '${FOREIGN_PARENT}%s\\n' "$directory/.opencode"
    exit 78
  fi
  [ -n "$directory" ] || break
done
exec "$@"
`;

/**
 * Puts a command of opencode into its confinement, where there is one. Elsewhere it is run only where nobody else has a say. The
 * same for the server and for every other call.
 */
export function isolateCommand(command: Command, isolation: OpencodeIsolation): Command {
  // Confined, it sees nothing above the task directory.
  if (!isolation.isConfined) return shellScript(PARENT_CHECK, isolation.directories.taskDirectory, ...command);
  return confineCommand(command, {
    taskDirectory: isolation.directories.taskDirectory,
    cwd: isolation.directories.workdir,
    hidden: [isolation.directories.controlDirectory],
    // The files themselves: what lies beside them may be a user's own.
    readOnly: [...new Set([...isolation.programs, ...(isolation.grants.readOnly ?? [])])],
    readWrite: isolation.grants.readWrite ?? [],
  });
}

/** What became of the wish to confine. */
export interface ConfinementDecision {
  readonly isConfined: boolean;
  /** Why not, when it was wished for; `undefined` when all is as wished. */
  readonly warning: string | undefined;
}

const confineModes: readonly string[] = ['auto', 'required', 'off'] satisfies readonly ConfineMode[];

/**
 * Decides whether opencode is confined. Throws `CONFINEMENT_UNAVAILABLE` where it must be and cannot, and a `TypeError` for
 * another mode: a misspelt `required` would be taken for `auto`.
 */
export function decideConfinement(mode: ConfineMode, canConfine: boolean, host: string): ConfinementDecision {
  if (!confineModes.includes(mode)) {
    throw new TypeError(`confine must be one of ${confineModes.join(', ')}, not ${JSON.stringify(mode)}`);
  }
  if (mode === 'off') return { isConfined: false, warning: undefined };
  if (canConfine) return { isConfined: true, warning: undefined };
  const reason = `Bubblewrap does not work on ${host}: install bubblewrap and allow unprivileged user namespaces`;
  if (mode === 'required') throw new OpencodeError('CONFINEMENT_UNAVAILABLE', reason);
  return { isConfined: false, warning: `${reason}; the agent can read and write all that its user can` };
}
