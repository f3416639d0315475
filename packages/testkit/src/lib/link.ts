import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** Options of `startLink`. */
export interface StartLinkOptions {
  /** Port on 127.0.0.1 that the link leads to. */
  readonly targetPort: number;
  /** Milliseconds that bytes take in each direction: a round trip takes twice this. @default 0 */
  readonly delayMs?: number;
}

/** What passed over a link since it was started or since `resetCounts()`. */
export interface LinkCounts {
  /** Times the talk went from client to server and came back. Exact while one thing happens at a time. */
  readonly roundTrips: number;
  readonly bytesToServer: number;
  readonly bytesToClient: number;
  /** Connections the link took. */
  readonly connections: number;
}

/** A stretch of network between a client and a server on this machine, with the faults of a real one. */
export interface Link extends AsyncDisposable {
  /** Port on 127.0.0.1 to connect to instead of the target. */
  readonly port: number;
  /** Milliseconds per direction; may be changed while bytes are on their way. */
  delayMs: number;
  counts(): LinkCounts;
  resetCounts(): void;
  /** Connections that are open now. */
  readonly openConnections: number;
  /** Resets every open connection. New ones work, unless `refuse` says otherwise. */
  cut(options?: { readonly refuse?: boolean }): void;
  /** Cuts once so many more bytes have passed towards that side: the fault that tears a message in two. */
  cutAfter(direction: 'client' | 'server', bytes: number): void;
  /** Stops carrying bytes without telling anyone: what a dead router does. New connections are taken and say nothing. */
  halfOpen(): void;
  /** Ends `halfOpen` (bytes held back go on) and `cut({ refuse: true })`. */
  mend(): void;
  close(): Promise<void>;
}

/** Most bytes one direction keeps on their way; past it the sender is made to wait. */
const maxBytesUnderway = 8 * 1024 * 1024;

/** How late a timer of Node can be, in milliseconds. */
const timerMs = 1;

/** Bytes on their way in one direction below which they are a talk. */
const talkBytes = 64 * 1024;

/** Starts a TCP proxy to a port of this machine that delays, counts and fails on demand. */
export async function startLink(options: StartLinkOptions): Promise<Link> {
  const state: LinkState = {
    delayMs: options.delayMs ?? 0,
    counts: noCounts(),
    isSilent: false,
    isRefusing: false,
    cutAfter: { client: Infinity, server: Infinity },
    pairs: new Set(),
    heldResets: [],
    cut: () => {
      for (const pair of state.pairs) {
        reset(pair.client);
        reset(pair.server);
      }
    },
  };
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (state.isRefusing) {
      client.on('error', () => {});
      reset(client);
      return;
    }
    state.counts.connections += 1;
    const server = connect({
      host: '127.0.0.1',
      port: options.targetPort,
      allowHalfOpen: true,
      noDelay: true,
    });
    join(state, client, server);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', resolve);
  });
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    state.cut();
    await closed;
  };
  return {
    port: (listener.address() as AddressInfo).port,
    get delayMs() {
      return state.delayMs;
    },
    set delayMs(value) {
      state.delayMs = value;
    },
    counts: () => ({ ...state.counts }),
    resetCounts() {
      state.counts = noCounts();
    },
    get openConnections() {
      return state.pairs.size;
    },
    cut(cutOptions) {
      state.isRefusing = cutOptions?.refuse ?? false;
      state.cut();
    },
    cutAfter(direction, bytes) {
      state.cutAfter[direction] = bytes;
    },
    halfOpen() {
      state.isSilent = true;
    },
    mend() {
      state.isSilent = false;
      state.isRefusing = false;
      for (const socket of state.heldResets.splice(0)) reset(socket);
      for (const pair of state.pairs) pair.wake();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  lastSpeaker: 'client' | 'server' | undefined;
  wake(): void;
}

interface LinkState {
  delayMs: number;
  counts: { -readonly [Key in keyof LinkCounts]: LinkCounts[Key] };
  isSilent: boolean;
  isRefusing: boolean;
  readonly cutAfter: { client: number; server: number };
  readonly pairs: Set<Pair>;
  /** Sockets whose other side was reset while the link was silent. */
  readonly heldResets: Socket[];
  readonly cut: () => void;
}

/** A socket whose last words are still on their way cannot be reset: Node would leave it open for ever (libuv says EINVAL). */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

function noCounts(): LinkState['counts'] {
  return { roundTrips: 0, bytesToServer: 0, bytesToClient: 0, connections: 0 };
}

function join(state: LinkState, client: Socket, server: Socket): void {
  const pair: Pair = {
    client,
    server,
    lastSpeaker: undefined,
    wake: () => wakers.forEach((wake) => wake()),
  };
  const wakers = [carry(state, pair, 'server'), carry(state, pair, 'client')];
  state.pairs.add(pair);
  let open = 2;
  const closed = (other: Socket) => (hadError: boolean) => {
    // A reset on one side is a reset on the other; an orderly end travels through `carry` like the bytes before it.
    if (hadError && state.isSilent && !other.destroyed) state.heldResets.push(other);
    else if (hadError) reset(other);
    open -= 1;
    if (open === 0) state.pairs.delete(pair);
  };
  client.on('error', () => {}).on('close', closed(server));
  server.on('error', () => {}).on('close', closed(client));
}

/** Moves what one side says to the other, later and in order. Returns what makes a stopped direction look again. */
function carry(state: LinkState, pair: Pair, towards: 'client' | 'server'): () => void {
  const [from, to] = towards === 'server' ? [pair.client, pair.server] : [pair.server, pair.client];
  const underway: { readonly at: number; readonly chunk: Buffer | undefined }[] = [];
  let bytesUnderway = 0;
  let isWaiting = false;
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate | undefined;
  const stop = (): void => {
    clearTimeout(timer);
    clearImmediate(turn);
  };

  const deliver = (): void => {
    timer = undefined;
    turn = undefined;
    while (!state.isSilent && !to.destroyed) {
      const next = underway[0];
      if (next === undefined) return;
      const waitMs = next.at - performance.now();
      if (waitMs > timerMs) {
        timer = setTimeout(deliver, waitMs - timerMs);
        return;
      }
      // A talk is given its exact delay; a flood leaves the processor to those who make it.
      if (waitMs > 0 && bytesUnderway < talkBytes) {
        turn = setImmediate(deliver);
        return;
      }
      underway.shift();
      if (next.chunk === undefined) to.end();
      else send(next.chunk);
    }
  };
  const send = (chunk: Buffer): void => {
    bytesUnderway -= chunk.length;
    const left = state.cutAfter[towards];
    count(state, pair, towards, Math.min(left, chunk.length));
    if (chunk.length >= left) {
      state.cutAfter[towards] = Infinity;
      // What still fits arrives; then everything is gone.
      to.write(chunk.subarray(0, left), () => state.cut());
      return;
    }
    state.cutAfter[towards] = left - chunk.length;
    const isFull = !to.write(chunk);
    if (isFull && !isWaiting) {
      isWaiting = true;
      to.once('drain', () => {
        isWaiting = false;
        goOn();
      });
    }
    goOn();
  };
  const goOn = (): void => {
    if (isWaiting || bytesUnderway >= maxBytesUnderway) from.pause();
    else from.resume();
  };
  const accept = (chunk: Buffer | undefined): void => {
    underway.push({ at: performance.now() + state.delayMs, chunk });
    bytesUnderway += chunk?.length ?? 0;
    if (bytesUnderway >= maxBytesUnderway) from.pause();
    if (timer === undefined && turn === undefined) deliver();
  };
  from.on('data', accept);
  from.on('end', () => accept(undefined));
  from.on('close', () => {
    if (to.destroyed) stop();
  });
  to.on('close', stop);
  return deliver;
}

function count(state: LinkState, pair: Pair, towards: 'client' | 'server', bytes: number): void {
  if (towards === 'server') {
    state.counts.bytesToServer += bytes;
    pair.lastSpeaker = 'client';
    return;
  }
  state.counts.bytesToClient += bytes;
  if (pair.lastSpeaker === 'client') state.counts.roundTrips += 1;
  pair.lastSpeaker = 'server';
}
