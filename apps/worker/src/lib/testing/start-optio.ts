import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A running `optio`, or another program of this package. */
export interface RunningOptio {
  readonly pid: number;
  /** What it has printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** Settles when its stderr matches; rejects when it ends without. */
  printed(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** Options of `startOptio`. */
export interface StartOptioOptions {
  /** Its home, working directory and place for everything it keeps. */
  readonly directory: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Path of the program within this package. @default 'src/main.ts' */
  readonly program?: string;
}

/** Starts `optio` from its sources, with a home of its own and the machine's cache of opencode. */
export function startOptio(args: readonly string[], options: StartOptioOptions): RunningOptio {
  const program = fileURLToPath(new URL(`../../../${options.program ?? 'src/main.ts'}`, import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@optio-ts/source', program, ...args], {
    cwd: options.directory,
    env: {
      PATH: process.env['PATH'],
      HOME: options.directory,
      OPENCODE_CACHE_DIR: opencodeCache(),
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      ...npmSettings(),
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const waiters = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const waiter of waiters) waiter();
  });
  const exited = new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  return {
    pid: child.pid ?? 0,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    exited,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(stderr)) return;
          waiters.delete(look);
          resolve();
        };
        waiters.add(look);
        look();
        void exited.then((code) => reject(new Error(`ended with ${code} and never printed ${pattern}:\n${stderr}`)));
      }),
    kill(signal) {
      child.kill(signal);
    },
  };
}

/** The living processes that know of a path: in their arguments or their environment. */
export async function processesKnowing(path: string): Promise<{ pid: number; command: string }[]> {
  const found = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const command = await readFile(`/proc/${name}/cmdline`, 'latin1');
      const environment = await readFile(`/proc/${name}/environ`, 'latin1');
      if (command.includes(path) || environment.includes(path)) {
        found.push({ pid: Number(name), command: command.replaceAll('\0', ' ').slice(0, 200) });
      }
    } catch {
      // Gone meanwhile, or somebody else's.
    }
  }
  return found;
}

/** The user's own cache: downloading 185 MB per test would be no use to anybody. */
function opencodeCache(): string {
  const own = process.env['OPENCODE_CACHE_DIR'];
  if (own !== undefined) return own;
  const cache = process.env['XDG_CACHE_HOME'];
  return join(cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'optio-opencode', 'bin');
}

/** Where a first installation would come from, as the user's npm is set up. */
function npmSettings(): Record<string, string> {
  const settings: Record<string, string> = { NPM_CONFIG_USERCONFIG: join(homedir(), '.npmrc') };
  for (const [name, value] of Object.entries(process.env)) {
    if (/^npm_config_|_proxy$|^NODE_EXTRA_CA_CERTS$|^SSL_CERT_FILE$/i.test(name) && value !== undefined) {
      settings[name] = value;
    }
  }
  return settings;
}
