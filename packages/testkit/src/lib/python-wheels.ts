import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const pipTimeoutMs = 180_000;

/** A directory with packages in it, or why there is none: what happened, as half a sentence. */
export type PythonWheels =
  | { readonly directory: string; readonly reason?: never }
  | { readonly directory?: never; readonly reason: string };

/** Options of `installWheels`. */
export interface InstallWheelsOptions {
  /** A requirements file in which every package has its hash: nothing else is installed. */
  readonly requirements: string;
  /** Begins the name of the directory. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Has Python's pip download pinned wheels, once, into `${XDG_CACHE_HOME:-$HOME/.cache}/optio-tests`. */
export async function installWheels({ requirements, name, env }: InstallWheelsOptions): Promise<PythonWheels> {
  let tag: string;
  try {
    // Compiled wheels are for one version of Python.
    const { stdout } = await run('python3', ['-c', 'import sys; print(sys.implementation.cache_tag)'], { env });
    tag = stdout.trim();
  } catch (error) {
    return { reason: whyPipFailed(error) };
  }
  // A changed pin is another directory.
  const pin = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const cache = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache');
  const directory = join(cache, 'optio-tests', `${name}-${tag}-${pin}`);
  if (await exists(directory)) return { directory };

  await mkdir(dirname(directory), { recursive: true });
  const stage = await mkdtemp(`${directory}.stage-`);
  try {
    await run('python3', pipArguments(requirements, stage), { env, timeout: pipTimeoutMs });
    // Another run may have been first: then its directory is as good.
    await rename(stage, directory).catch(async (error: unknown) => {
      if (!(await exists(directory))) throw error;
    });
    return { directory };
  } catch (error) {
    return { reason: whyPipFailed(error) };
  } finally {
    await rm(stage, { recursive: true, force: true });
  }

  function whyPipFailed(error: unknown): string {
    const { code, stderr } = error as { readonly code?: unknown; readonly stderr?: string };
    if (code === 'ENOENT') return 'there is no python3';
    const lines = (stderr ?? '').trim().split('\n');
    return `pip could not install ${basename(requirements)} (${lines.at(-1) || String(error)})`;
  }
}

function pipArguments(requirements: string, target: string): string[] {
  const flags = '--quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes';
  const patience = '--only-binary :all: --retries 1 --timeout 20';
  const pip = ['-m', 'pip', 'install', ...flags.split(' '), ...patience.split(' ')];
  return [...pip, '--target', target, '--requirement', requirements];
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
