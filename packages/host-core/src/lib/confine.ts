import { isAbsolute } from 'node:path/posix';

import type { Command } from './host.ts';

/**
 * Whether a command is confined: `required` refuses to run without, `auto` uses confinement where the probe finds that it
 * works, `off` does not use it.
 */
export type ConfineMode = 'auto' | 'required' | 'off';

/** What a confined command sees of the machine, beside read-only system directories. All paths absolute, on the host. */
export interface ConfineOptions {
  /** The one directory it can write to. */
  readonly taskDirectory: string;
  /** Directory it starts in. @default `taskDirectory` */
  readonly cwd?: string;
  /** Directories inside `taskDirectory` that it sees as empty ones, for instance `control`. They must exist. @default [] */
  readonly hidden?: readonly string[];
  /** More files and directories to read and execute, for instance the one of the program. They must exist. @default [] */
  readonly readOnly?: readonly string[];
  /** More files and directories to write. They must exist. @default [] */
  readonly readWrite?: readonly string[];
  /** Name or absolute path of bubblewrap on the host. @default 'bwrap' */
  readonly program?: string;
}

interface Mount {
  readonly path: string;
  readonly flags: readonly string[];
}

// A name space of its own for processes makes its end total. root would keep its capabilities, and with them the raw disk; and
// without a name space of its own for users, the keys that the kernel holds for root (keyctl).
const isolation =
  '--unshare-user-try --unshare-pid --unshare-ipc --die-with-parent --new-session --cap-drop ALL --proc /proc --dev /dev --ro-bind /usr /usr'.split(
    ' ',
  );

// Whoever has root's user id may write to these, without any capability: with core_pattern the machine's kernel would run
// a program outside. bubblewrap covers some of them only when it can write to the directory itself.
const kernelFiles = [
  '/proc/sys',
  '/proc/sysrq-trigger',
  '/proc/irq',
  '/proc/bus',
  '/proc/fs',
  '/proc/acpi',
  '/proc/scsi',
  '/proc/pressure',
];

// Bound where they are: on a merged-/usr system the source is a link, which bwrap follows, so both layouts work.
const systemDirectories = [
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/nix/store',
  '/run/current-system/sw',
];

// Of /etc only what programs need to resolve names, find libraries and trust certificates. Never all of /etc/ssl or
// /etc/pki: private keys lie there, and root inside would read them.
const systemFiles = [
  'alternatives',
  'ca-certificates',
  'crypto-policies/back-ends',
  'fonts',
  'gai.conf',
  'group',
  'host.conf',
  'hosts',
  'ld-musl-aarch64.path',
  'ld-musl-x86_64.path',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'magic',
  'mime.types',
  'nsswitch.conf',
  'os-release',
  'passwd',
  'pki/ca-trust/extracted',
  'pki/tls/cert.pem',
  'pki/tls/certs',
  'pki/tls/openssl.cnf',
  'protocols',
  'python3',
  'resolv.conf',
  'services',
  'ssl/cert.pem',
  'ssl/certs',
  'ssl/openssl.cnf',
  'terminfo',
  'timezone',
].map((name) => `/etc/${name}`);

/**
 * Returns the command that runs `command` under bubblewrap: it sees its task directory, what is granted, read-only system
 * directories, an empty home, and its own processes. When it ends, or its parent does, everything it started ends too.
 *
 * Pure: nothing is run. The environment is inherited, so that no value of it is in an argv; clean it before. The network is
 * not confined. Capabilities are dropped, also for root, and programs cannot gain any.
 *
 * A relative path, a `hidden` one outside the task directory, and a grant of `/`, `/proc` or `/dev` are `TypeError`s.
 */
export function confineCommand(command: Command, options: ConfineOptions): Command {
  const { taskDirectory, cwd = taskDirectory, hidden = [], readOnly = [], readWrite = [], program = 'bwrap' } = options;
  if (command.length === 0) throw new TypeError('Cannot confine an empty command');
  for (const path of [taskDirectory, cwd, ...hidden, ...readOnly, ...readWrite]) checkPath(path);
  for (const path of hidden) {
    if (!path.startsWith(`${taskDirectory}/`)) {
      throw new TypeError(`Cannot hide ${JSON.stringify(path)}: it is not inside ${JSON.stringify(taskDirectory)}`);
    }
  }
  for (const path of [taskDirectory, ...readOnly, ...readWrite]) {
    if (/^\/+(?:proc(?:\/|$)|dev(?:\/|$)|$)/.test(path)) throw new TypeError(`Cannot grant ${JSON.stringify(path)}`);
  }

  const mounts: Mount[] = [
    { path: taskDirectory, flags: ['--bind', taskDirectory, taskDirectory] },
    ...readOnly.map((path) => ({ path, flags: ['--ro-bind', path, path] })),
    ...readWrite.map((path) => ({ path, flags: ['--bind', path, path] })),
    ...hidden.map((path) => ({ path, flags: ['--tmpfs', path, '--remount-ro', path] })),
  ];
  // A mount hides what was mounted below its path before, so what lies deeper comes later. The sort keeps the order of equals.
  mounts.sort((a, b) => depth(a.path) - depth(b.path));

  return [
    program,
    ...isolation,
    ...[...kernelFiles, ...systemDirectories, ...systemFiles].flatMap((path) => ['--ro-bind-try', path, path]),
    ...['/tmp', '/home', '/root'].flatMap((path) => ['--tmpfs', path]),
    ...mounts.flatMap(({ flags }) => flags),
    // Only the tree of mount points itself, which lies in memory: what is mounted on it keeps its own mode.
    '--remount-ro',
    '/',
    '--chdir',
    cwd,
    '--',
    ...command,
  ];
}

function checkPath(path: string): void {
  if (!isAbsolute(path) || path.includes('\0') || path.split('/').includes('..')) {
    throw new TypeError(`Not an absolute path without "..": ${JSON.stringify(path)}`);
  }
}

function depth(path: string): number {
  return path.split('/').filter((segment) => segment !== '').length;
}
