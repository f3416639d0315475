import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { StartOpencodeSessionOptions } from '@optio-ts/opencode-session';

/** What a worker is to run. */
export interface WorkerTask extends Pick<
  StartOpencodeSessionOptions,
  'agentLeaseMs' | 'autoStart' | 'env' | 'homeConfig' | 'leaseMs' | 'owner' | 'resume' | 'taskRoot'
> {
  readonly taskId: string;
  readonly storePath: string;
  readonly identityPath: string;
}

/** A line that a worker has printed. */
interface WorkerLine {
  readonly type: string;
  readonly id: string;
  readonly state?: string;
  readonly reason?: string;
}

/** A worker in a process of its own. */
export interface RunningWorker {
  readonly child: ChildProcess;
  /** All that it has printed so far. */
  readonly lines: readonly WorkerLine[];
  /** Resolves with the first line of a type. */
  until(type: string): Promise<WorkerLine>;
  /** SIGKILL, and waits for its end. */
  kill(): Promise<void>;
}

const program = fileURLToPath(new URL('session-worker.ts', import.meta.url));

/** Starts a worker. */
export function startWorker(task: WorkerTask): RunningWorker {
  const child = spawn(process.execPath, ['--conditions=@optio-ts/source', program, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines: WorkerLine[] = [];
  let wake = Promise.withResolvers<void>();
  const tell = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line) as WorkerLine);
    tell();
  });
  child.once('close', tell);
  return {
    child,
    lines,
    until: async (type) => {
      for (;;) {
        const found = lines.find((line) => line.type === type);
        if (found !== undefined) return found;
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`The worker ended without ${type}`);
        await wake.promise;
      }
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
