import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a worker process is to do. */
export interface SurvivorOrder {
  readonly storePath: string;
  readonly taskRoot: string;
  readonly taskId: string;
  readonly ownerId: string;
  readonly leaseMs: number;
  readonly agentLeaseMs: number;
  /** Of a new session. Absent: it recovers what is open. */
  readonly script?: string;
}

/** A line that a worker has printed. */
interface SurvivorLine {
  readonly type: string;
  readonly id?: string;
  readonly text: string;
}

/** A worker in a process of its own. */
export interface SurvivorProcess {
  readonly child: ChildProcess;
  readonly lines: readonly SurvivorLine[];
  readonly exited: Promise<unknown>;
  /** Resolves with the first line of a type, or with `undefined` when it ends before. */
  until(type: string): Promise<SurvivorLine | undefined>;
}

const program = fileURLToPath(new URL('survivor-worker.ts', import.meta.url));

/** Starts a worker in a process of its own. */
export function startSurvivorProcess(order: SurvivorOrder): SurvivorProcess {
  const child = spawn(process.execPath, ['--conditions=@optio-ts/source', program, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: SurvivorLine[] = [];
  let wake = Promise.withResolvers<void>();
  const tell = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    // The last one may be cut short.
    if (line.endsWith('}')) lines.push(JSON.parse(line) as SurvivorLine);
    tell();
  });
  let isOver = false;
  const exited = once(child, 'close').then(() => {
    isOver = true;
    tell();
  });
  return {
    child,
    lines,
    exited,
    until: async (type) => {
      for (;;) {
        const found = lines.find((line) => line.type === type);
        if (found !== undefined || isOver) return found;
        await wake.promise;
      }
    },
  };
}
