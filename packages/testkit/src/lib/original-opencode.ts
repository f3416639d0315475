import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { scriptedEnvironment } from './scripted-model-config.ts';

// The original starts opencode in an empty home; without these files each start installs packages out of the network.
const WRAPPER = `#!/bin/sh
if [ -n "$XDG_CONFIG_HOME" ]; then
  d=$XDG_CONFIG_HOME/opencode
  mkdir -p "$d/node_modules"
  printf '%s' '{"dependencies":{"@opencode-ai/plugin":"VERSION"}}' >"$d/package.json"
  printf '%s' '{"lockfileVersion":3,"packages":{"":{"dependencies":{"@opencode-ai/plugin":"VERSION"}}}}' >"$d/package-lock.json"
fi
export OPENCODE_DISABLE_AUTOUPDATE=1 OPENCODE_DISABLE_MODELS_FETCH=1 VARIABLES
exec "PROGRAM" "$@"
`;

/** Options of `wrapOpencode`. */
export interface WrapOpencodeOptions {
  /** Made where it is missing; then the `opencodeDirectory` of a session of the original. */
  readonly directory: string;
  /** Absolute path of the real opencode. */
  readonly program: string;
  /** Its version. */
  readonly version: string;
}

/** Makes an opencode for the original that talks to nobody but its model. */
export async function wrapOpencode({ directory, program, version }: WrapOpencodeOptions): Promise<void> {
  await mkdir(directory, { recursive: true });
  const variables = Object.entries(scriptedEnvironment).map(([name, value]) => `${name}=${value}`);
  const content = WRAPPER.replaceAll('VERSION', version)
    .replace('VARIABLES', variables.join(' '))
    .replace('PROGRAM', program);
  await writeFile(join(directory, 'opencode'), content, { mode: 0o755 });
}
