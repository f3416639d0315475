import { RUN_ID_VARIABLE, shellScript } from '@optio-ts/host-core';
import type { Command } from '@optio-ts/host-core';

/** What a command sees of its environment. */
export interface KeptEnvironment {
  /** Variables that are set for it: always kept. */
  readonly env: Readonly<Record<string, string>>;
  /** Globs of others to keep; one with a leading `!` takes names away again, whatever its place. */
  readonly keepEnv: readonly string[];
}

/** Names only: no value of a variable ever becomes an argument. Without a list of names nothing is run. */
const SCRIPT = `
set -f
own=$1 kept=$2 scrubbed=$3
shift 3
odd=
names=$(awk 'BEGIN { for (name in ENVIRON) print name }') || exit 72
for name in $names; do
  case " $own " in *" $name "*) continue ;; esac
  found=
  for glob in $kept; do
    case $name in $glob) found=1 ;; esac
  done
  for glob in $scrubbed; do
    case $name in $glob) found= ;; esac
  done
  [ -z "$found" ] || continue
  case $name in
    # No shell variable can have such a name, but bash exports its functions under them.
    *[!A-Za-z0-9_]*) odd="$odd $name" ;;
    *) unset "$name" ;;
  esac
done
for name in $odd; do set -- -u "$name" "$@"; done
[ -z "$odd" ] || set -- env "$@"
exec "$@"
`;

/** Runs a command with what is set for it and an allow-list of the rest, as `startSupervised` does for what it starts. */
export function keepEnvironment(command: Command, environment: KeptEnvironment): Command {
  const own = [...Object.keys(environment.env), RUN_ID_VARIABLE];
  const kept = environment.keepEnv.filter((glob) => !glob.startsWith('!'));
  const scrubbed = environment.keepEnv.filter((glob) => glob.startsWith('!')).map((glob) => glob.slice(1));
  return shellScript(SCRIPT, own.join(' '), kept.join(' '), scrubbed.join(' '), ...command);
}
