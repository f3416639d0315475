import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);

/** A process that carries a mark in its environment. */
export interface MarkedProcess {
  readonly pid: number;
  /** Its arguments, joined by spaces. */
  readonly command: string;
}

/** Runs a program of this machine to its end and returns what it printed. Input goes over stdin, never in the arguments. */
export async function runTool(program: string, commandArguments: readonly string[], input = ''): Promise<string> {
  const running = execFileAsync(program, commandArguments);
  // Most of them read no input, and may be gone before it could be written.
  running.child.stdin?.on('error', () => {}).end(input);
  return (await running).stdout;
}

/**
 * The living processes of this machine that have `NAME=value` in their environment; `=value` is that value in any variable.
 * Linux only; elsewhere none.
 */
export async function markedProcesses(mark: string): Promise<readonly MarkedProcess[]> {
  const isMark = (entry: string): boolean => (mark.startsWith('=') ? entry.endsWith(mark) : entry === mark);
  const found: MarkedProcess[] = [];
  for (const name of await readdir('/proc').catch(() => [])) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1');
      if (!environment.split('\0').some(isMark)) continue;
      const command = await readFile(`/proc/${pid}/cmdline`, 'latin1');
      found.push({ pid, command: command.replaceAll('\0', ' ').trim() });
    } catch {
      // Gone between the listing and the look, or somebody else's: neither is one of ours.
    }
  }
  return found;
}

/** Pids of everything that a process started, as far as it was not handed to another parent. */
export async function descendants(pid: number): Promise<readonly number[]> {
  const children = new Map<number, number[]>();
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const line = await readFile(`/proc/${name}/stat`, 'latin1');
      const parent = Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const found: number[] = [];
  for (let next = children.get(pid) ?? []; next.length > 0; next = next.flatMap((parent) => children.get(parent) ?? []))
    found.push(...next);
  return found;
}

/** Sends SIGKILL; a process that is gone already is what was wanted. */
export function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
