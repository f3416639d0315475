import { WorkerError } from './errors.ts';

/** Waits for something that goes on by itself. Throws `INTERRUPTED`, which says so, when whoever waits presses Ctrl-C. */
export async function untilInterrupted<Result>(
  waiting: Promise<Result>,
  abortSignal: AbortSignal,
  whatGoesOn: string,
): Promise<Result> {
  try {
    return await waiting;
  } catch (error) {
    if (!abortSignal.aborted) throw error;
    throw new WorkerError('INTERRUPTED', `no longer waiting: ${whatGoesOn}`, { cause: error });
  }
}
