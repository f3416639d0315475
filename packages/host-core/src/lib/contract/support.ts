import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

import { HostError } from '../errors.ts';
import type { HostErrorCode } from '../errors.ts';
import type { Bytes, Host, RunResult } from '../host.ts';
import { runChecked } from '../run-checked.ts';
import { shellScript } from '../script.ts';

/** One promise of a port, checked without any test runner: it rejects when the promise is broken. */
export interface ContractCase<Subject> {
  /** A sentence in the present tense. */
  readonly name: string;
  readonly run: (subject: Subject) => Promise<void>;
}

/** What the cases of the host contract are run against. The host has to run on this machine: some cases start servers here. */
export interface HostContractSubject {
  /** Used by all cases; none disposes it. */
  readonly host: Host;
  /** An empty directory on the host that its user may write to: a fresh one for each case. */
  readonly directory: string;
  /** Opens another host of the same kind, for the cases that dispose it. */
  readonly openHost: () => Host | Promise<Host>;
}

/** A case of the host contract. */
export type HostCase = ContractCase<HostContractSubject>;

/** Asserts that it rejects with a `HostError` of this code, and returns the error. May be awaited later. */
export function rejectsWith(promise: Promise<unknown>, code: HostErrorCode): Promise<HostError> {
  const checked = promise.then(
    (value) => assert.fail(`resolved with ${JSON.stringify(value)} instead of rejecting with ${code}`),
    (error: unknown) => {
      assert.ok(HostError.is(error), `rejected with ${String(error)}, which is no HostError`);
      assert.equal(error.code, code, error.message);
      return error;
    },
  );
  // The case may fail elsewhere before it gets to this promise.
  checked.catch(() => undefined);
  return checked;
}

/** Runs constant shell text that has to succeed and returns what it printed, without the last line break. */
export async function sh(host: Host, text: string, ...parameters: string[]): Promise<string> {
  const result = await runChecked(host, shellScript(text, ...parameters));
  return result.stdout.toString().replace(/\n$/, '');
}

/** Reads a stream to its end. */
export async function collect(bytes: Bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * A stream of these chunks.
 *
 * @yields each of them
 */
export async function* stream(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array, void, void> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

/** Waits until something is so; fails after a ceiling that only a broken host reaches. */
export async function until(what: string, isSo: () => Promise<boolean>, ceilingMs = 20_000): Promise<void> {
  const end = performance.now() + ceilingMs;
  while (!(await isSo())) {
    assert.ok(performance.now() < end, `${what}: not within ${ceilingMs} ms`);
    await delay(20);
  }
}

/** Fails what takes longer than a ceiling that only a broken host reaches. */
export async function within<T>(what: string, promise: Promise<T>, ceilingMs = 20_000): Promise<T> {
  const timer = new AbortController();
  const late = delay(ceilingMs, undefined, { signal: timer.signal }).then(
    () => assert.fail(`${what}: not within ${ceilingMs} ms`),
    () => assert.fail('stopped'),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}

const stateScript = `
if [ -r /proc/self/stat ]; then
  read -r line <"/proc/$1/stat" || exit 0
  line=\${line##*) }
  printf %s "\${line%% *}"
else ps -o state= -p "$1" | cut -c 1; fi 2>/dev/null`;

/** The state letter of a process on the host as `ps` shows it; empty when it is gone, for a zombie too. */
export async function processState(host: Host, pid: string): Promise<string> {
  const result = await host.run(shellScript(stateScript, pid));
  const state = result.stdout.toString().trim();
  return /^[ZX]/.test(state) ? '' : state;
}

/** Asserts that none of these processes is alive: now, not soon. */
export async function assertGone(host: Host, pids: readonly string[]): Promise<void> {
  assert.notEqual(pids.length, 0);
  for (const pid of pids) {
    assert.match(pid, /^\d+$/);
    assert.equal(await processState(host, pid), '', `process ${pid} is still there`);
  }
}

/** Asserts that two buffers are the same; says where they are not, which a comparison of megabytes by `assert` would not. */
export function assertBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual !== undefined, 'there is no content');
  const differs = actual.findIndex((byte, index) => byte !== expected[index]);
  assert.equal(differs, -1, `byte ${differs} is ${actual[differs]} instead of ${expected[differs]}`);
  assert.equal(actual.byteLength, expected.byteLength, 'the content has another length');
}

/** A result as text, for one comparison. */
export function plain(result: RunResult): unknown {
  return {
    stdout: result.stdout.toString(),
    stderr: result.stderr.toString(),
    exitCode: result.exitCode,
    signal: result.signal,
  };
}

/** All 256 bytes, some of them in an order that is no UTF-8. */
export const everyByte: Buffer = Buffer.from(Array.from({ length: 512 }, (_, index) => (index * 7) % 256));
