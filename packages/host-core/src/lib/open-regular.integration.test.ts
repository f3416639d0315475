import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { createLocalHost } from './local-host.ts';
import { openFile } from './open-file.ts';
import { hashFile } from './path-info.ts';
import { pushFile } from './push-file.ts';
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

  // Whether the guard hears that it is no longer needed is a matter of chance, and mostly lost where a script has traps.
  it('is none once it was opened, however long it is used', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'optio-slow-'));
    await writeFile(join(directory, 'sleep'), `#!/bin/sh\nexec ${pathOf('sleep')} 0.1\n`, { mode: 0o755 });
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      await wait(1000);
      yield Buffer.from('b');
    }
    try {
      await using host = createLocalHost({ env: { ...process.env, PATH: `${directory}:${process.env['PATH']}` } });
      const paths = Array.from({ length: 8 }, (_, index) => join(directory, `file-${index}`));
      await Promise.all(paths.map((path) => pushFile(host, path, slow(), { sizeBytes: 2 })));
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
