/** Resolves at a time of `performance.now()`; rejects with the signal's reason before. */
export async function waitUntil(time: number, abortSignal: AbortSignal): Promise<void> {
  const milliseconds = time - performance.now();
  if (milliseconds <= 0) return;
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(abortSignal.reason);
    };
    const timer = setTimeout(() => {
      abortSignal.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    abortSignal.addEventListener('abort', onAbort, { once: true });
  });
}
