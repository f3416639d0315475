import type { Redactor } from './redactor.ts';

/** From now on takes secrets out of all that is written to a stream of this process as text, by whomever. */
export function redactStream(stream: Pick<NodeJS.WritableStream, 'write'>, redactor: Redactor): void {
  const write = stream.write.bind(stream) as (...args: readonly unknown[]) => boolean;
  stream.write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean =>
    write(typeof chunk === 'string' ? redactor.redact(chunk) : chunk, ...rest);
}
