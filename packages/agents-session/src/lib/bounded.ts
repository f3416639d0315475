import { isLinkFault } from '@optio-ts/host-core';

import { messageOf } from './errors.ts';

/** Settles with the promise, or after `limitMs` with `undefined`. The timer never keeps the process alive longer. */
export async function within<Value>(
  promise: Promise<Value>,
  limitMs: number,
): Promise<{ readonly value: Value } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), limitMs);
  });
  try {
    return await Promise.race([promise.then((value) => ({ value })), limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** How long a step that was told to stop may take to do so, in milliseconds. */
const STOPPING_MS = 2000;

/** What went wrong in a step: without `error` it took too long, and not for a lost link. */
export interface StepFailure {
  readonly message: string;
  readonly error?: unknown;
}

/**
 * Runs a step that must not hang a session: after `limitMs` its signal is aborted, and a little later it is given up. Never
 * rejects; resolves with what went wrong, or `undefined`.
 */
export async function boundedStep(
  limitMs: number,
  run: (abortSignal: AbortSignal) => unknown,
): Promise<StepFailure | undefined> {
  const controller = new AbortController();
  const late = `did not finish within ${limitMs} ms`;
  const step = (async () => run(controller.signal))().then(
    () => undefined,
    (error: unknown) => ({ message: messageOf(error), error }),
  );
  const result = await within(step, limitMs);
  if (result !== undefined) return result.value;
  controller.abort(new Error(`the step ${late}`));
  const stopped = await within(step, STOPPING_MS);
  // It has waited for a lost link all the time, and says so now. Whatever else comes of the abort says nothing.
  if (stopped?.value === undefined || !isLinkFault(stopped.value.error)) return { message: late };
  return { message: `${late}: ${stopped.value.message}`, error: stopped.value.error };
}

/** What is left of a deadline. One that is over comes at once; a clock that was set back makes none longer. */
export function timeLeftMs(deadlineMs: number, elapsedMs: number): number {
  return Math.max(1, deadlineMs - Math.max(0, elapsedMs));
}
