import { readFileSync, readdirSync } from 'node:fs';

/** Pids on this machine whose environment holds `text`, zombies left out. */
export function processesWith(text: string): readonly number[] {
  return pids().filter((pid) => read(pid, 'environ').includes(text) && isAlive(pid));
}

/** Pids on this machine whose argv holds `text`. */
export function processesRunning(text: string): readonly number[] {
  return pids().filter((pid) => read(pid, 'cmdline').includes(text) && isAlive(pid));
}

/** Whether the process is there and no zombie. */
export function isAlive(pid: number): boolean {
  const state = /\) (\S)/.exec(read(pid, 'stat'))?.[1];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Resolves when `condition` holds; looks every 20 ms. Rejects after a ceiling that only a defect reaches. */
export async function until(condition: () => boolean, what: string, ceilingMs = 30_000): Promise<void> {
  const end = Date.now() + ceilingMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`Waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function pids(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    // Gone meanwhile, or somebody else's.
    return '';
  }
}
