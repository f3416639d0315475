import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Host } from '../src/lib/host.ts';
import { createLocalHost } from '../src/lib/local-host.ts';

/** A way to run our scripts: the shell that answers to `sh`, and the programs it finds. */
export interface ShellHost {
  readonly name: string;
  /** Says why it cannot be had here; `undefined` when it can. */
  readonly missing: string | undefined;
  /** This machine with that shell. `env` is added to its environment. */
  readonly open: (env?: Readonly<Record<string, string>>) => Host;
}

const root = mkdtempSync(join(tmpdir(), 'optio-shells-'));
process.on('exit', () => {
  rmSync(root, { recursive: true, force: true });
});

/** dash and bash over this machine's programs, and a PATH that holds busybox's applets alone. */
export const shellHosts: readonly ShellHost[] = [
  shellHost('dash', overOurPrograms),
  shellHost('bash', overOurPrograms),
  shellHost('busybox', (directory) => directory),
];

/** These, and shells that are `sh` on few machines. */
export const allShellHosts: readonly ShellHost[] = [
  ...shellHosts,
  shellHost('mksh', overOurPrograms),
  shellHost('zsh', overOurPrograms),
];

function shellHost(name: string, path: (directory: string) => string): ShellHost {
  const program = which(name);
  return {
    name,
    missing: program === undefined ? `needs ${name}: apt-get install ${name}` : undefined,
    open: (env = {}) => {
      if (program === undefined) throw new Error(`No ${name} here`);
      const directory = join(root, name);
      if (mkdirSync(directory, { recursive: true }) !== undefined) {
        if (name === 'busybox') spawnSync(program, ['--install', '-s', directory]);
        else symlinkSync(program, join(directory, 'sh'));
      }
      const inherited = process.env as Record<string, string>;
      return createLocalHost({ env: { ...inherited, ...env, PATH: path(directory) } });
    },
  };
}

function overOurPrograms(directory: string): string {
  return `${directory}:${process.env['PATH']}`;
}

function which(name: string): string | undefined {
  const result = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : undefined;
}
