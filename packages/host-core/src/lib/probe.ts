import { isAbsolute } from 'node:path/posix';

import { confineCommand } from './confine.ts';
import { HostError } from './errors.ts';
import type { Host } from './host.ts';
import { probeScript } from './probe-script.ts';
import { runChecked } from './run-checked.ts';
import { shellScript } from './script.ts';

/** What is known of a host after one round trip. */
export interface HostProbe {
  readonly os: 'linux' | 'darwin';
  /** Of the programs that run there: a 64-bit kernel below a 32-bit userland is refused. */
  readonly arch: 'x64' | 'arm64';
  /** The C library programs are linked to; `none` on macOS, and where only static programs run. */
  readonly libc: 'glibc' | 'musl' | 'none';
  /** Always `false` on arm64. */
  readonly hasAvx2: boolean;
  /** Login name, or the number again for a user without one. */
  readonly user: string;
  readonly uid: number;
  /** Absolute: `$HOME`, or what the user database says where that is not set. */
  readonly home: string;
  /** `$XDG_STATE_HOME`, or its default. A relative value counts as unset, here and below. */
  readonly stateHome: string;
  /** `$XDG_CACHE_HOME`, or its default. */
  readonly cacheHome: string;
  /** `$XDG_DATA_HOME`, or its default. */
  readonly dataHome: string;
  /** The variables that were asked for, as far as they are set. */
  readonly env: Readonly<Record<string, string>>;
  /** The `PATH` that commands get. */
  readonly path: string;
  /** Absolute path of each tool that is there, by its name. */
  readonly tools: Readonly<Record<string, string>>;
  /** Bytes that the user may still write to the disk of `stateHome`; `undefined` when the host cannot tell. */
  readonly freeDiskBytes: number | undefined;
  /** Whether `confineCommand` works: it was tried. */
  readonly canConfine: boolean;
}

/** Options of `probeHost`. */
export interface ProbeHostOptions {
  /** Names of environment variables to report. Must be identifiers. @default [] */
  readonly env?: readonly string[];
  /** Names of more tools to look for. @default [] */
  readonly tools?: readonly string[];
  readonly abortSignal?: AbortSignal;
  /** @default 30000 */
  readonly timeoutMs?: number;
}

/** The tools that every probe looks for. */
export const probedTools: readonly string[] = [
  'bash',
  'bwrap',
  'curl',
  'dd',
  'git',
  'gzip',
  'mkfifo',
  'node',
  'perl',
  'rg',
  'setsid',
  'sha256sum',
  'sha512sum',
  'shasum',
  'tar',
  'unzip',
  'wget',
  'zstd',
];

const xdgVariables = ['XDG_STATE_HOME', 'XDG_CACHE_HOME', 'XDG_DATA_HOME'];

/**
 * Asks a host in one round trip what it is and has. Works with a busybox userland.
 *
 * Throws `HOST_UNSUPPORTED`, in one sentence, for a machine this library cannot use, and otherwise what `host.run` throws.
 */
export async function probeHost(host: Host, options: ProbeHostOptions = {}): Promise<HostProbe> {
  const { env = [], tools = [], abortSignal, timeoutMs = 30_000 } = options;
  for (const name of env) {
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new TypeError(`Not the name of a variable: ${JSON.stringify(name)}`);
  }
  const names = [...new Set([...xdgVariables, ...env])];
  const toolNames = [...new Set([...probedTools, ...tools])];
  for (const name of tools) {
    if (name === '' || /[/\0]/.test(name)) throw new TypeError(`Not the name of a tool: ${JSON.stringify(name)}`);
  }
  const command = shellScript(
    probeScript,
    String(names.length),
    ...names,
    String(toolNames.length),
    ...toolNames,
    // The options that will be used, all of them, with the least that has to exist.
    ...confineCommand(['true'], { taskDirectory: '/tmp' }),
  );
  const { stdout } = await runChecked(host, command, {
    what: 'Cannot probe the host',
    timeoutMs,
    ...(abortSignal && { abortSignal }),
  });
  return readProbe(host.description, stdout.toString('utf8'), env);
}

/** Reads the answer of the probe script. Pure. Throws `HOST_UNSUPPORTED` and, for an answer that is not whole, `COMMAND_FAILED`. */
export function readProbe(description: string, output: string, env: readonly string[]): HostProbe {
  const answers = readPairs(output);
  if (answers === undefined || !answers.has('end')) {
    throw new HostError('COMMAND_FAILED', `Cannot probe ${description}: its shell gave no complete answer`);
  }
  const answer = (name: string): string => answers.get(name) ?? '';
  const refuse = (reason: string): HostError =>
    new HostError('HOST_UNSUPPORTED', `Cannot use ${description}: ${reason}`);

  const os = { Linux: 'linux', Darwin: 'darwin' }[answer('system')] as HostProbe['os'] | undefined;
  if (os === undefined)
    throw refuse(`its system is ${answer('system') || 'unknown'}, only Linux and macOS are supported`);
  const arch = answers.has('translated') ? 'arm64' : readArch(answer('machine'));
  if (arch === undefined) {
    throw refuse(`its processor is ${answer('machine') || 'unknown'}, only x64 and arm64 are supported`);
  }
  if (answer('bits') === '32') throw refuse('its programs are 32-bit ones, only x64 and arm64 are supported');
  const home = answer('home');
  if (!isAbsolute(home)) throw refuse('its user has no home directory');
  const uid = answer('uid');
  if (!/^\d+$/.test(uid)) throw refuse('it does not tell the id of its user');

  const xdg = (name: string, fallback: string): string =>
    isAbsolute(answer(`env.${name}`)) ? answer(`env.${name}`) : `${home === '/' ? '' : home}/${fallback}`;
  const tools: Record<string, string> = {};
  for (const [name, value] of answers) if (name.startsWith('tool.')) tools[name.slice('tool.'.length)] = value;
  const found: Record<string, string> = {};
  for (const name of env) {
    const value = answers.get(`env.${name}`);
    if (value !== undefined) found[name] = value;
  }
  return {
    os,
    arch,
    libc: os === 'linux' ? readLibc(answers) : 'none',
    hasAvx2: arch === 'x64' && answers.has('avx2'),
    user: answer('user') || uid,
    uid: Number(uid),
    home,
    stateHome: xdg('XDG_STATE_HOME', '.local/state'),
    cacheHome: xdg('XDG_CACHE_HOME', '.cache'),
    dataHome: xdg('XDG_DATA_HOME', '.local/share'),
    env: found,
    path: answer('path'),
    tools,
    freeDiskBytes: readFreeDisk(answer('disk')),
    canConfine: answers.has('confine'),
  };
}

/** `undefined` when the text does not consist of whole pairs. */
function readPairs(output: string): Map<string, string> | undefined {
  const parts = output.split('\0');
  if (parts.pop() !== '' || parts.length % 2 !== 0) return undefined;
  const pairs = new Map<string, string>();
  for (let index = 0; index < parts.length; index += 2) pairs.set(parts[index] ?? '', parts[index + 1] ?? '');
  return pairs;
}

function readArch(machine: string): HostProbe['arch'] | undefined {
  if (/^(?:x86_64|amd64)$/.test(machine)) return 'x64';
  return /^(?:aarch64|arm64)$/.test(machine) ? 'arm64' : undefined;
}

// A loader alone decides last: Debian can hold musl's beside its own, Alpine a glibc one that is a shim (gcompat).
function readLibc(answers: ReadonlyMap<string, string>): HostProbe['libc'] {
  if (/^glibc\b/.test(answers.get('libc.getconf') ?? '')) return 'glibc';
  const ldd = answers.get('libc.ldd') ?? '';
  if (/musl/i.test(ldd)) return 'musl';
  if (/glibc|gnu libc/i.test(ldd) || answers.has('libc.glibc')) return 'glibc';
  return answers.has('libc.musl') ? 'musl' : 'none';
}

// The last line of `df -Pk`: blocks, used, available, capacity, mount point. A device's name may hold spaces.
function readFreeDisk(text: string): number | undefined {
  const match = /\s\d+\s+\d+\s+(-?\d+)\s+(?:\d+%|-)\s+\/[^\n]*$/.exec(text);
  return match === null ? undefined : Math.max(0, Number(match[1])) * 1024;
}
