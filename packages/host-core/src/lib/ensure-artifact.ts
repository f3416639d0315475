import { isAbsolute } from 'node:path/posix';

import { artifactScript } from './artifact-script.ts';
import { createByteQueue } from './byte-queue.ts';
import { HostError } from './errors.ts';
import type { Host, HostProcess } from './host.ts';
import { readLines } from './read-lines.ts';
import type { LineReader } from './read-lines.ts';
import { createRunId } from './run-id.ts';
import { shellScript } from './script.ts';

/** Where an artifact is put together before it is published. */
export interface ArtifactStage {
  readonly host: Host;
  /** Absolute: an empty directory (0700) beside the final one. Becomes the artifact as it is. */
  readonly path: string;
  readonly abortSignal: AbortSignal | undefined;
}

/** Options of `ensureArtifact`. */
export interface EnsureArtifactOptions {
  /** Absolute directory that holds the artifacts; made when missing. Nobody else may be able to write to it. */
  readonly directory: string;
  /** Name of the artifact in it, and all that tells it from others: version and variant. Letters, digits, `.`, `_`, `-`. */
  readonly name: string;
  /**
   * Fills the stage: with `stageFile`, or by commands on the host that fetch. Called only when the artifact is not there and
   * nobody else installs it. What it throws is thrown on, when nothing is left of the stage.
   */
  readonly install: (stage: ArtifactStage) => Promise<void>;
  /** Tries what is in the stage, given its path, before it is published; throws when it is no good. @default nothing is tried */
  readonly verify?: (stagePath: string) => Promise<void>;
  /** Milliseconds to wait while somebody else installs the same. @default 15 minutes */
  readonly waitMs?: number;
  /** Called when somebody else installs the same, with the pid of that installer's lock on the host. */
  readonly onWait?: (pid: number) => void;
  readonly abortSignal?: AbortSignal;
}

/** What `ensureArtifact` returns. */
export interface Artifact {
  /** Absolute: `<directory>/<name>`. */
  readonly path: string;
  /** Whether this call has installed it. */
  readonly wasInstalled: boolean;
}

/**
 * Makes sure that a directory of files is on a host, whole or not at all. One round trip when it is.
 *
 * Otherwise it is put together in a stage beside its place, verified there, and published by a rename. Of many that want the
 * same at once, in any number of programs, one installs and the others wait and use it; the lock of one that was killed is
 * taken over. Whoever gives up, is cancelled or loses its link leaves nothing behind: the lock is held by a command on the
 * host that cleans up when it hears nothing more.
 *
 * Throws `ARTIFACT_LOCKED` when somebody else takes longer than `waitMs`, `ARTIFACT_FAILED` when the host cannot write,
 * `PATH_REFUSED` for a directory that others can write to, `ABORTED`, what `install` and `verify` throw, and what
 * `Host.spawn` throws.
 */
export async function ensureArtifact(host: Host, options: EnsureArtifactOptions): Promise<Artifact> {
  const { directory, name, install, verify, waitMs = 15 * 60 * 1000, onWait, abortSignal } = options;
  if (!isAbsolute(directory) || /[\n\0]/.test(directory)) {
    throw new TypeError(`Not an absolute directory: ${JSON.stringify(directory)}`);
  }
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,180}$/.test(name))
    throw new TypeError(`Not an artifact's name: ${JSON.stringify(name)}`);
  const path = `${directory.replace(/\/+$/, '')}/${name}`;
  const what = `Cannot install ${name} on ${host.description}`;
  throwIfAborted(abortSignal, what);

  const orders = createByteQueue();
  const looks = String(Math.ceil(waitMs / 200));
  const script = shellScript(artifactScript, directory, name, createRunId(), looks);
  const keeper = await host.spawn(script, { stdin: orders.bytes });
  const onAbort = (): void => {
    // Not in an install: that ends by its own means first, and the stage is removed when nobody writes to it any more.
    if (!isInstalling) void keeper.kill().catch(() => undefined);
  };
  let isInstalling = false;
  abortSignal?.addEventListener('abort', onAbort);
  if (abortSignal?.aborted === true) onAbort();
  const answers = readLines(keeper.stdout);
  try {
    for (;;) {
      const [word, detail] = await nextAnswer(answers, keeper, what, abortSignal);
      if (word === 'present') return { path, wasInstalled: false };
      if (word === 'wait') onWait?.(Number(detail));
      else if (word === 'stage') {
        isInstalling = true;
        await install({ host, path: detail, abortSignal });
        throwIfAborted(abortSignal, what);
        await verify?.(detail);
        throwIfAborted(abortSignal, what);
        orders.push(Buffer.from('publish\n'));
      } else if (word === 'published') return { path, wasInstalled: true };
      else if (word !== '.') throw answerError(word, detail, what);
    }
  } finally {
    abortSignal?.removeEventListener('abort', onAbort);
    orders.end();
    // The command cleans up at the end of its input; until then the stage may still be there. On a lost link it does so alone.
    await answers.drain().catch(() => undefined);
  }
}

async function nextAnswer(
  answers: LineReader,
  keeper: HostProcess,
  what: string,
  abortSignal: AbortSignal | undefined,
): Promise<readonly [word: string, detail: string]> {
  const line = await answers.next();
  if (line !== undefined) {
    const [word = '', ...detail] = line.split(' ');
    return [word, detail.join(' ')];
  }
  throwIfAborted(abortSignal, what);
  await keeper.exited;
  throw new HostError('ARTIFACT_FAILED', `${what}: the command that holds its lock was ended`);
}

function answerError(word: string, detail: string, what: string): HostError {
  if (word === 'locked') {
    return new HostError(
      'ARTIFACT_LOCKED',
      `${what}: another installer (its lock has pid ${detail} there) takes too long`,
    );
  }
  if (word === 'refused') return new HostError('PATH_REFUSED', `${what}: ${detail}`);
  return new HostError('ARTIFACT_FAILED', `${what}: ${detail || 'its shell gave no answer'}`);
}

function throwIfAborted(abortSignal: AbortSignal | undefined, what: string): void {
  if (abortSignal?.aborted === true) throw new HostError('ABORTED', `${what}: aborted`, { cause: abortSignal.reason });
}
