import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Host } from '../src/lib/host.ts';
import { createLocalHost } from '../src/lib/local-host.ts';

/** This machine with one of the programs that fetch. */
export interface DownloadTool {
  readonly name: 'busybox' | 'curl' | 'wget';
  /** Says why it cannot be had here; `undefined` when it can. */
  readonly missing: string | undefined;
  /** `without` leaves programs out. `home` is the user's directory. */
  readonly open: (options: {
    readonly home: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly without?: readonly string[];
  }) => Host;
}

const root = mkdtempSync(join(tmpdir(), 'optio-tools-'));
process.on('exit', () => {
  rmSync(root, { recursive: true, force: true });
});

// What the scripts use, found where this machine has it.
const common =
  'sh awk cat chmod cut expr find grep head id ls mkdir mv openssl readlink rm rmdir sed sha256sum sha512sum sleep stat tail tr wc';

/** The three programs, each in a PATH that holds none of the others. busybox's has busybox's shell and applets alone. */
export const downloadTools: readonly DownloadTool[] = (['curl', 'wget', 'busybox'] as const).map((name) => ({
  name,
  missing: which(name) === undefined ? `needs ${name}: apt-get install ${name}` : undefined,
  open: ({ home, env = {}, without = [] }) => {
    const directory = join(root, [name, ...without].join('-'));
    if (mkdirSync(directory, { recursive: true }) !== undefined) {
      if (name === 'busybox') spawnSync(which(name) ?? '', ['--install', '-s', directory]);
      else
        for (const program of [...common.split(' '), name]) symlinkSync(which(program) ?? '', join(directory, program));
      for (const program of without) rmSync(join(directory, program), { force: true });
    }
    return createLocalHost({ env: { PATH: directory, HOME: home, ...env } });
  },
}));

function which(name: string): string | undefined {
  const result = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : undefined;
}
