import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';

import {
  archiveDirectory,
  createLocalHost,
  ensureArtifact,
  followLines,
  HostError,
  restoreDirectory,
  stageFile,
  writeFiles,
  type Bytes,
  type Host,
} from '@optio-ts/host-core';

/** What an operation is given. */
export interface OperationPlace {
  readonly host: Host;
  /** An empty directory of its own, on the host and on this machine. */
  readonly directory: string;
  readonly abortSignal: AbortSignal;
}

/** Something that goes over a link for a while, and what must be true of it, however that ended. */
export interface LinkOperation {
  readonly name: string;
  /** Resolves when all went well and was right; rejects with what the host said. */
  run(place: OperationPlace): Promise<void>;
  /** Looks at what is left on the host's disk and, where that is the operation's business, goes on over the mended link. */
  check(place: OperationPlace, isDone: boolean): Promise<void> | void;
}

const noise = Buffer.from(Array.from({ length: 65_536 }, (_, index) => (index * 2_654_435_761) >>> 24));

async function* chunks(count: number, onEnd: () => void = () => undefined): AsyncGenerator<Uint8Array, void, void> {
  try {
    for (let index = 0; index < count; index += 1) yield noise;
  } finally {
    onEnd();
  }
}

const run: LinkOperation = {
  name: 'run',
  async run({ host, abortSignal }) {
    const command = ['sh', '-c', 'head -c 300000 /dev/zero; cat; echo done >&2; exit 3'];
    const result = await host.run(command, { stdin: chunks(8), abortSignal });
    assert.deepEqual(
      [result.stdout.length, result.stdout.subarray(300_000, 365_536).equals(noise), String(result.stderr)],
      [300_000 + 8 * 65_536, true, 'done\n'],
    );
    assert.equal(result.exitCode, 3);
  },
  check: () => undefined,
};

const spawn: LinkOperation = {
  name: 'spawn',
  async run({ host, abortSignal }) {
    // Of its own session, and one that is left behind: what a lost link must not leave running.
    const script =
      'setsid sleep 600 & sleep 601 >/dev/null 2>&1 & i=0; while [ $i -lt 400 ]; do i=$((i + 1)); echo "line $i"; [ $((i % 100)) != 0 ] || sleep 0.02; done';
    const child = await host.spawn(['sh', '-c', script], { abortSignal });
    let text = '';
    try {
      for await (const chunk of child.stdout) text += Buffer.from(chunk).toString();
      assert.deepEqual(await child.exited, { exitCode: 0, signal: undefined });
      assert.equal(text, lines(400));
    } catch (error) {
      assert.ok(lines(400).startsWith(text), 'what came before is what was printed');
      // The streams and `exited` tell the same.
      await assert.rejects(child.exited);
      throw error;
    }
  },
  check: () => undefined,
};

const lines = (count: number): string => Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join('');

const write: LinkOperation = {
  name: 'writeFiles',
  async run({ host, directory, abortSignal }) {
    writeFileSync(join(directory, 'small-1'), 'old');
    let isClosed = false;
    const content = chunks(24, () => (isClosed = true));
    const small = Array.from({ length: 100 }, (_, index) => ({ path: `small-${index}`, content: `new ${index}` }));
    const streamed = { path: 'deep/streamed', content, sizeBytes: 24 * 65_536 };
    try {
      await writeFiles(host, directory, [...small, streamed], { abortSignal });
    } finally {
      // Never begun, where there was no link to write it to.
      if (!isClosed) await content.return();
    }
  },
  check({ directory }, isDone) {
    const now = snapshot(directory);
    const isNew = now['small-1'] === 'new 1';
    if (isDone) assert.ok(isNew && now['small-99'] === 'new 99' && now['deep/streamed'] !== undefined);
    assert.ok(isNew || now['small-1'] === 'old');
    // Each is there whole or not at all.
    if (now['deep/streamed'] !== undefined) assert.equal(now['deep/streamed'].length, 24 * 65_536);
  },
};

const stage: LinkOperation = {
  name: 'stageFile',
  async run({ host, directory, abortSignal }) {
    const path = join(directory, 'artifacts');
    const artifact = await ensureArtifact(host, {
      directory: path,
      name: 'tool-1',
      abortSignal,
      install: (place) => stageFile(place, { name: 'tool', content: chunks(24), sizeBytes: 24 * 65_536 }),
    });
    assert.deepEqual(artifact, { path: join(path, 'tool-1'), wasInstalled: true });
  },
  check({ directory }, isDone) {
    const now = snapshot(directory);
    // Published whole or not at all, and no lock, no stage.
    if (isDone || Object.keys(now).length > 0) {
      assert.deepEqual(Object.keys(now), ['artifacts/tool-1/tool']);
      assert.equal(now['artifacts/tool-1/tool']?.length, 24 * 65_536);
    }
  },
};

const archive: LinkOperation = {
  name: 'archiveDirectory',
  async run({ host, directory, abortSignal }) {
    const source = join(directory, 'source');
    fill(source, 'of the archive');
    const received: Uint8Array[] = [];
    for await (const chunk of archiveDirectory(host, source, { abortSignal })) received.push(chunk);
    await using local = createLocalHost();
    await restoreDirectory(local, join(directory, 'copy'), yieldAll(received));
    assert.deepEqual(snapshot(join(directory, 'copy')), snapshot(source));
  },
  check: () => undefined,
};

const restore: LinkOperation = {
  name: 'restoreDirectory',
  async run({ host, directory, abortSignal }) {
    const [source, target] = [join(directory, 'source'), join(directory, 'target')];
    fill(source, 'new');
    fill(target, 'old');
    writeFileSync(join(target, 'only-old'), '');
    await using local = createLocalHost();
    const received: Uint8Array[] = [];
    for await (const chunk of archiveDirectory(local, source)) received.push(chunk);
    await restoreDirectory(host, target, yieldAll(received), { abortSignal });
  },
  check({ directory }, isDone) {
    const [source, now] = [snapshot(join(directory, 'source')), snapshot(join(directory, 'target'))];
    // All of the one or all of the other.
    if (isDone || now['only-old'] === undefined) assert.deepEqual(now, source);
    else assert.equal(Object.values(now).filter((text) => text.startsWith('old')).length, 300);
  },
};

const forward: LinkOperation = {
  name: 'forwardPort',
  async run({ host, abortSignal }) {
    await using echo = await startEcho();
    await using forwarded = await host.forwardPort(echo.port, { abortSignal });
    const size = 6 * 65_536;
    const received = await exchange(forwarded.localPort, size).catch((error: unknown) => error as Error);
    if (typeof received !== 'number') {
      // The connection broke, and that was told. The next one over the same port must work when the link does.
      throw new HostError('CONNECTION_LOST', 'the forwarded connection broke', { cause: received });
    }
    assert.equal(received, size, 'half an answer never looks whole');
  },
  async check({ host, abortSignal }) {
    await using echo = await startEcho();
    await using forwarded = await host.forwardPort(echo.port, { abortSignal });
    assert.equal(await exchange(forwarded.localPort, 1000), 1000);
  },
};

const followed = new WeakMap<
  OperationPlace,
  { readonly texts: string[]; next: { offset: number; generation: number } }
>();

const follow: LinkOperation = {
  name: 'followLines',
  async run(place) {
    const state = { texts: [] as string[], next: { offset: 0, generation: 0 } };
    followed.set(place, state);
    await followTo(place, state, 60);
  },
  async check(place, isDone) {
    const state = followed.get(place);
    assert.ok(state);
    if (!isDone) await followTo(place, state, 80);
    const all = Array.from({ length: state.texts.length }, (_, index) => `line ${index + 1}`);
    assert.deepEqual(state.texts, all);
    assert.ok(state.texts.length >= 60);
  },
};

/** Follows a log that gets its next line when the last one has arrived. */
async function followTo(
  { host, directory, abortSignal }: OperationPlace,
  state: { readonly texts: string[]; next: { offset: number; generation: number } },
  count: number,
): Promise<void> {
  const path = join(directory, 'log');
  const append = (): void => appendFileSync(path, `line ${state.texts.length + 1}\n`);
  if (state.texts.length === 0 && readdirSync(directory).length === 0) append();
  const file = { host, path, beneath: directory };
  for await (const line of followLines(file, { ...state.next, abortSignal, pollMs: 10, partialLineMs: 60_000 })) {
    state.texts.push(line.line);
    state.next = { offset: line.nextOffset, generation: line.generation };
    append();
    if (state.texts.length >= count) return;
  }
  abortSignal.throwIfAborted();
}

/** All of them, in the order in which a campaign takes turns. */
export const linkOperations: readonly LinkOperation[] = [run, spawn, write, stage, archive, restore, forward, follow];

/** 300 small files: most ends of a packet are near the end of one. */
function fill(directory: string, word: string): void {
  mkdirSync(join(directory, 'deep'), { recursive: true });
  for (let index = 0; index < 299; index += 1) writeFileSync(join(directory, `file-${index}`), `${word} ${index}`);
  writeFileSync(join(directory, 'deep/large'), `${word} ${noise.toString('latin1')}`, 'latin1');
}

/** Every file below a directory with its content. */
export function snapshot(directory: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    files[path.slice(directory.length + 1)] = readFileSync(path, 'latin1');
  }
  return files;
}

/** Removes what an operation had. */
export function clear(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

async function* yieldAll(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* parts;
}

async function exchange(port: number, size: number): Promise<number> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.end(Buffer.alloc(size));
  let received = 0;
  for await (const chunk of socket as Bytes) received += chunk.byteLength;
  return received;
}

async function startEcho(): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
