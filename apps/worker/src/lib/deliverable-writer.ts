import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import type { Bytes } from '@optio-ts/host-core';

import { WorkerError } from './errors.ts';
import { makeWritable, TEMPORARY_PREFIX, temporaryName } from './make-directories.ts';
import { printableLine, printableText } from './printable.ts';
import { reasonOf } from './secret-reference.ts';

/** Saves what an agent delivers below one directory. */
export interface DeliverableWriter {
  /** Absolute. */
  readonly directory: string;
  /** Absolute paths of what is there, in the order of its first delivery. */
  readonly saved: readonly string[];
  /** The path that a deliverable was saved to, or `undefined`. */
  pathOf(name: string): string | undefined;
  /**
   * Writes a deliverable under its name: beside its place first, then renamed, so that a reader never sees half of it. One that
   * is delivered again replaces the first. Returns its absolute path; throws `DELIVERABLE_NOT_SAVED`.
   */
  save(deliverable: { readonly name: string; content(): Bytes }): Promise<string>;
}

/** Opens the output directory, making it if need be. Throws `OUTPUT_REFUSED` where that is not possible. */
export async function openDeliverableWriter(path: string): Promise<DeliverableWriter> {
  const directory = resolve(path);
  try {
    await makeWritable(directory);
  } catch (error) {
    throw new WorkerError('OUTPUT_REFUSED', `cannot write to the output directory ${directory}: ${reasonOf(error)}`, {
      cause: error,
    });
  }

  const paths = new Map<string, string>();
  return {
    directory,
    get saved() {
      return [...paths.values()];
    },
    pathOf: (name) => paths.get(name),
    async save(deliverable) {
      const { name } = deliverable;
      try {
        const target = join(directory, ...safeSegments(name));
        await makeParents(directory, dirname(target));
        await writeBeside(target, deliverable.content());
        paths.set(name, target);
        return target;
      } catch (error) {
        const what = printableLine(name, 200);
        throw new WorkerError('DELIVERABLE_NOT_SAVED', `cannot save the deliverable ${what}: ${reasonOf(error)}`, {
          cause: error,
        });
      }
    },
  };
}

/**
 * The parts of a deliverable's name, made safe: an agent chose it. Names that would leave the directory, hide in it or confuse a
 * terminal are refused and not bent, so that no two names become one.
 */
export function safeSegments(name: string): string[] {
  const segments = name.split('/');
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..') throw new Error('its name is no plain relative path');
    if (Buffer.byteLength(segment) > 200) throw new Error('its name is too long');
    if (printableText(segment) !== segment || /[\t\n]/.test(segment))
      throw new Error('its name has characters that do not belong into one');
    if (segment.startsWith(TEMPORARY_PREFIX))
      throw new Error(`names that begin with ${TEMPORARY_PREFIX} are kept for half-written files`);
  }
  return segments;
}

/** Makes the directories between, one by one, and goes through no link. */
async function makeParents(root: string, directory: string): Promise<void> {
  if (directory === root) return;
  await makeParents(root, dirname(directory));
  try {
    await mkdir(directory);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    if (!(await lstat(directory)).isDirectory()) throw new Error(`${directory} is in the way`, { cause: error });
  }
}

async function writeBeside(target: string, content: Bytes): Promise<void> {
  const temporary = join(dirname(target), temporaryName());
  try {
    await using file = await open(temporary, 'wx', 0o644);
    for await (const chunk of content) await file.writeFile(chunk);
    await file.sync();
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
