import { WorkerError } from '../errors.ts';
import { makeWritable } from '../make-directories.ts';
import { reasonOf } from '../secret-reference.ts';

/** Makes a directory of this machine ready to be written to, as its user asked for. Throws `OUTPUT_REFUSED`. */
export async function openTarget(directory: string): Promise<void> {
  try {
    await makeWritable(directory, { mode: 0o700 });
  } catch (error) {
    throw new WorkerError('OUTPUT_REFUSED', `cannot write to ${directory}: ${reasonOf(error)}`, { cause: error });
  }
}
