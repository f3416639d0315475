import { checkCommand, commandError, createLocalHost, cwdNotFoundError, shellScript } from '@optio-ts/host-core';
import type { Command, CommandOptions, Host } from '@optio-ts/host-core';

/** Options of `createChrootHost`. */
export interface CreateChrootHostOptions {
  /** Absolute: a directory with what commands need in it, `/bin/sh` above all. `/usr`, `/proc` and `/dev` of this machine are put over it. */
  readonly root: string;
  /** Where commands start, as seen inside. @default '/root' */
  readonly home?: string;
}

// $1 root, then a command. In a name space of its own: the mounts end with the command, and nobody else ever sees them. Every step
// is an exec, so that exit codes, signals and pids stay those of the command itself.
const ENTER = `
for name in usr dev proc; do mount --rbind "/$name" "$1/$name" || exit 84; done
exec chroot "$@"
`;

// $1 directory, then the command, which a shell of the inside starts.
const START = 'cd -- "$1" || exit; shift; exec "$@"';

// The same without starting it: what is missing is told apart from whatever the command itself may exit with.
const LOOK = `
cd -- "$1" 2>/dev/null || exit 81
case $2 in
  */*) [ -e "$2" ] || exit 82; [ -f "$2" ] && [ -x "$2" ] || exit 83 ;;
  *) command -v -- "$2" >/dev/null || exit 82 ;;
esac
`;

/** Makes a `Host` of a directory on this machine, for which one has to be root. It shares the machine's network and processes. */
export function createChrootHost({ root, home = '/root' }: CreateChrootHostOptions): Host {
  const description = `chroot ${root}`;
  const env = { HOME: home, LANG: 'C.UTF-8', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
  // Streams, limits, timers and the end of process trees are those of this machine.
  const machine = createLocalHost({ env, description });

  const inside = (script: string, ...parameters: string[]): Command => [
    'unshare',
    '--mount',
    ...shellScript(ENTER, root),
    ...shellScript(script, ...parameters),
  ];

  /** Throws what `Host.run` throws for a command that cannot be started, and returns one that can. */
  const enter = async (command: Command, options: CommandOptions): Promise<Command> => {
    checkCommand(command, options);
    const { cwd = home, abortSignal } = options;
    const look = inside(LOOK, cwd, command[0] ?? '');
    const { exitCode, stderr } = await machine.run(look, { cwd: '/', ...(abortSignal && { abortSignal }) });
    if (exitCode === 81) throw cwdNotFoundError(description, command, cwd);
    if (exitCode === 82) throw commandError('COMMAND_NOT_FOUND', description, command);
    if (exitCode === 83) throw commandError('PERMISSION_DENIED', description, command);
    if (exitCode !== 0) throw new Error(`Cannot enter ${root}: ${stderr.toString('utf8').trim()}`);
    return inside(START, cwd, ...command);
  };

  return {
    description,
    run: async (command, options = {}) => machine.run(await enter(command, options), { ...options, cwd: '/' }),
    spawn: async (command, options = {}) => machine.spawn(await enter(command, options), { ...options, cwd: '/' }),
    forwardPort: (port, options) => machine.forwardPort(port, options),
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}
