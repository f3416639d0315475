import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { createLocalHost } from './local-host.ts';
import { openFile } from './open-file.ts';
import { enterScript } from './path-access.ts';
import { hashFile } from './path-info.ts';
import { readFile } from './read-file.ts';

// Holds a lease of a file and does not give it back: whoever opens the file waits, for 45 seconds. So does, without an end,
// whoever opens a pipe that took a file's place between the look and the opening; that moment cannot be met for sure.
const holdLease = `
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
held = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
sys.stdin.read()
`;

const pathOf = (program: string): string =>
  spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' }).stdout.trim();

describe.skipIf(process.platform !== 'linux')('a file that cannot be opened in time', () => {
  it.each(['dash', 'bash', 'busybox'])('is an error, and not waited for, in %s', async (shell) => {
    const directory = await mkdtemp(join(tmpdir(), 'optio-lease-'));
    const path = join(directory, 'file');
    await writeFile(path, 'content');
    await symlink(pathOf(shell), join(directory, 'sh'));
    // Time passes faster.
    await writeFile(join(directory, 'sleep'), `#!/bin/sh\nexec ${pathOf('sleep')} 0.3\n`, { mode: 0o755 });
    const holder = spawn('python3', ['-c', holdLease, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      await using host = createLocalHost({ env: { ...process.env, PATH: `${directory}:${process.env['PATH']}` } });
      for (const open of [readFile, openFile, hashFile])
        await expect(open(host, path, { beneath: directory })).rejects.toMatchObject({
          code: 'READ_FAILED',
          message: expect.stringContaining('cannot be opened'),
        });
    } finally {
      holder.stdin.end();
      await once(holder, 'exit');
      await rm(directory, { recursive: true });
    }
  });
});

// A guard that does not hear that the file is open ends the script in the middle of its work.
const openManyTimes = `${enterScript}
trap 'exit 143' TERM
cd -- "$1" || exit
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  open_regular file ''
  guards="$guards $guard"
done
for guard in $guards; do
  wait "$guard" 2>/dev/null
  while kill -0 "$guard" 2>/dev/null; do :; done
done
`;

describe('what guards the opening of a file', () => {
  it.each(['dash', 'bash', 'busybox', 'mksh', 'zsh'])('is gone when it is open, in %s', async (shell) => {
    const directory = await mkdtemp(join(tmpdir(), 'optio-guard-'));
    await writeFile(join(directory, 'file'), 'content');
    await symlink(pathOf(shell), join(directory, 'sh'));
    await writeFile(join(directory, 'sleep'), `#!/bin/sh\nexec ${pathOf('sleep')} 1\n`, { mode: 0o755 });
    try {
      const { status, signal, stderr } = spawnSync(join(directory, 'sh'), ['-c', openManyTimes, 'sh', directory], {
        argv0: 'sh',
        env: { ...process.env, PATH: `${directory}:${process.env['PATH']}` },
        encoding: 'utf8',
      });
      expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
