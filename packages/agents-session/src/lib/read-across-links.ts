import { createHash } from 'node:crypto';

import { isLinkFault, outlastLink } from '@optio-ts/host-core';
import type { Bytes } from '@optio-ts/host-core';

import { AgentSessionError } from './errors.ts';

/** Options of `readAcrossLinks`. */
export interface ReadAcrossLinksOptions {
  /** For messages. */
  readonly path: string;
  readonly abortSignal?: AbortSignal;
}

/**
 * Hands on the bytes of a file that is read anew whenever the link was lost: what was handed on before is compared by its digest
 * and left out. Throws `DELIVERABLE_UNREADABLE` when the file is another by then.
 *
 * @yields its bytes, each once
 */
export async function* readAcrossLinks(open: () => Bytes, { path, abortSignal }: ReadAcrossLinksOptions): Bytes {
  const digest = createHash('sha256');
  let given = 0;
  let reading = open()[Symbol.asyncIterator]();
  try {
    for (;;) {
      let next: IteratorResult<Uint8Array>;
      try {
        next = await reading.next();
      } catch (error) {
        if (abortSignal?.aborted === true || !isLinkFault(error)) throw error;
        const expected = given === 0 ? undefined : digest.copy().digest('hex');
        next = await outlastLink(async () => {
          reading = open()[Symbol.asyncIterator]();
          return skip(reading, { bytes: given, expected, path });
        }, abortSignal && { abortSignal });
      }
      if (next.done === true) return;
      digest.update(next.value);
      given += next.value.length;
      if (next.value.length > 0) yield next.value;
    }
  } finally {
    await reading.return?.();
  }
}

/** Reads past what was handed on already. Resolves with what comes next. */
async function skip(
  reading: AsyncIterator<Uint8Array>,
  { bytes, expected, path }: { readonly bytes: number; readonly expected: string | undefined; readonly path: string },
): Promise<IteratorResult<Uint8Array>> {
  if (expected === undefined) return reading.next();
  const digest = createHash('sha256');
  for (let left = bytes; ;) {
    const next = await reading.next();
    if (next.done === true) break;
    digest.update(next.value.subarray(0, left));
    if (next.value.length < left) {
      left -= next.value.length;
      continue;
    }
    if (digest.digest('hex') !== expected) break;
    return { done: false, value: next.value.subarray(left) };
  }
  await reading.return?.();
  const message = `Cannot read ${JSON.stringify(path)}: it changed while the link was lost`;
  throw new AgentSessionError('DELIVERABLE_UNREADABLE', message);
}
