import { outputLimitError } from './command-errors.ts';
import type { Bytes, Command, HostProcess, RunResult } from './host.ts';

const defaultMaxOutputBytes = 16 * 1024 * 1024;

/** What `collectOutput` needs to know of the command, for its messages. */
export interface CollectOutputOptions {
  readonly command: Command;
  readonly description: string;
  /** Bytes kept of each stream. @default 16 MiB */
  readonly maxOutputBytes?: number | undefined;
  /** Ends the process for a reason; resolves or rejects when that is over. */
  readonly terminate: (reason: Error) => Promise<void>;
}

/** Turns a spawned process into the result of a run: what every host's `run` does with its `spawn`. */
export async function collectOutput(process: HostProcess, options: CollectOutputOptions): Promise<RunResult> {
  const [stdout, stderr, exit] = await Promise.all([
    collect(process.stdout, 'stdout', options),
    collect(process.stderr, 'stderr', options),
    process.exited,
  ]);
  return { stdout, stderr, ...exit };
}

async function collect(bytes: Bytes, stream: 'stdout' | 'stderr', options: CollectOutputOptions): Promise<Buffer> {
  const { command, description, maxOutputBytes = defaultMaxOutputBytes } = options;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.byteLength;
    if (size > maxOutputBytes) {
      const reason = outputLimitError(description, command, stream, maxOutputBytes);
      await options.terminate(reason);
      throw reason;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
