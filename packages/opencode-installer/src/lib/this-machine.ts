import { readFile } from 'node:fs/promises';

/** Whether a host's boot id is that of this machine: then the host is this machine, a container on it, or its loopback. */
export async function isThisMachine(bootId: string | undefined): Promise<boolean> {
  if (bootId === undefined) return false;
  const own = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => undefined);
  return own?.trim() === bootId;
}
