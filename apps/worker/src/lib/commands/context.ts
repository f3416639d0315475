import type { WorkerConfig } from '../config/worker-config.ts';
import type { Interrupts } from '../interrupts.ts';
import type { Places } from '../places.ts';
import type { Tracing } from '../tracing/open-tracing.ts';

/** What a command finds around it. */
export interface CommandContext {
  /** Absolute. */
  readonly cwd: string;
  /** Absolute home directory of the user. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly config: WorkerConfig;
  readonly interrupts: Interrupts;
  readonly places: Places;
  /** Absolute directory that holds the default output directories. */
  readonly outputRoot: string;
  /** Absolute directory for task directories. @default the host's own */
  readonly taskRoot?: string;
  /** Makes spans of what tasks do. @default nobody wants them */
  readonly tracing?: Tracing;
  /** Told of secrets as they become known, so that what is printed does not hold them. @default nobody, on a person's own screen */
  readonly onSecrets?: (secrets: readonly string[]) => void;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}
