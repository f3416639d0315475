import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { contractOver, isThere, startOpenSsh } from '../../test/contract-over.ts';
import type { Started } from '../../test/contract-over.ts';

contractOver('OpenSSH, a user who has busybox alone', startBusybox);

/** A user to whom all there is, the login shell included, is busybox, as on Alpine: neither bash nor GNU's tools. */
async function startBusybox(): Promise<Started> {
  const busybox = '/bin/busybox';
  if (!(await isThere(busybox))) return { reason: "busybox: install Debian's busybox" };
  const bin = await mkdtemp(join(tmpdir(), 'optio-busybox-'));
  const close = (): Promise<void> => rm(bin, { recursive: true, force: true });
  try {
    await promisify(execFile)('chmod', ['755', bin]);
    const { stdout } = await promisify(execFile)(busybox, ['--list']);
    for (const applet of stdout.trim().split('\n')) await symlink(busybox, join(bin, applet));
    const started = await startOpenSsh({ user: 'other', loginShell: join(bin, 'sh'), env: { PATH: bin } });
    if (!started.server) await close();
    return { ...started, close };
  } catch (error) {
    await close();
    throw error;
  }
}
