import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { HostError } from '@optio-ts/host-core';
import ssh2 from 'ssh2';
import type { Client, ServerHostKeyAlgorithm } from 'ssh2';

import { planAuthentication } from './authentication.ts';
import type { HostKeyRefusal } from './host-keys.ts';
import type { LoginPlan } from './login-plan.ts';
import type { ResolvedEndpoint, ResolvedOptions } from './options.ts';
import { printable } from './printable.ts';
import { connectSocket, type Way } from './read-in-place.ts';
import { prepareKeys, signAtOnce } from './ssh2-internals.ts';
import { writeInBursts } from './write-in-bursts.ts';

/** A logged-in connection, with those it goes through. */
export interface Dialled {
  readonly client: Client;
  /** What the server calls itself: `SSH-2.0-OpenSSH_9.2p1`. */
  readonly serverVersion: string;
  /** Whether the connection is gone. Already true when its channels say that they have closed for it. */
  readonly isLost: () => boolean;
  /** Resolves when the connection is gone, with the reason where there is one. */
  readonly lost: Promise<Error | undefined>;
  /** Ends the connection and those it goes through. */
  close(): void;
}

/**
 * Connects and logs in, host key first. Rejects with `CONNECT_FAILED`, `HOST_KEY_REFUSED` or `ABORTED`. A client is used for
 * one connection: ssh2's cannot be used again after an error.
 */
export async function dial(options: ResolvedOptions, abortSignal: AbortSignal): Promise<Dialled> {
  const hops: Dialled[] = [];
  const closeAll = (): void => hops.toReversed().forEach((hop) => hop.close());
  try {
    for (const endpoint of options.route) {
      const previous = hops.at(-1);
      const way = previous
        ? { socket: await through(previous.client, endpoint, options, abortSignal) }
        : await openSocket(endpoint, options, abortSignal);
      hops.push(await logIn(way, endpoint, options, abortSignal));
    }
  } catch (error) {
    closeAll();
    throw error;
  }
  const last = hops.at(-1) as Dialled;
  void last.lost.then(closeAll);
  return { ...last, close: closeAll };
}

/** Our own socket, since ssh2 leaves Nagle's algorithm on, which costs 40 ms per command on a near host. */
async function openSocket(
  endpoint: ResolvedEndpoint,
  options: ResolvedOptions,
  abortSignal: AbortSignal,
): Promise<Way> {
  const way = connectSocket(endpoint.host, endpoint.port);
  const { socket } = way;
  writeInBursts(socket);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('connect', resolve);
  socket.once('error', (error: NodeJS.ErrnoException) =>
    reject(connectFailed(endpoint, socketReasons[error.code ?? ''] ?? error.message, { cause: error })),
  );
  const stop = armed(endpoint, options, abortSignal, reject);
  try {
    await promise;
    return way;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    stop();
  }
}

const socketReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused; is sshd running on that port?',
  ENOTFOUND: 'there is no such host name',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'the host does not answer',
  ECONNRESET: 'the connection was reset',
};

async function through(
  client: Client,
  endpoint: ResolvedEndpoint,
  options: ResolvedOptions,
  abortSignal: AbortSignal,
): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const fail = (error: Error): void =>
    reject(connectFailed(endpoint, `the jump host cannot reach it: ${printable(error.message)}`, { cause: error }));
  // A channel that comes too late ends with the jump host's connection, which whoever gave up closes.
  const stop = armed(endpoint, options, abortSignal, reject);
  try {
    client.forwardOut('127.0.0.1', 0, endpoint.host, endpoint.port, (error, channel) => {
      if (error) fail(error);
      else resolve(channel);
    });
  } catch (error) {
    // ssh2 throws where the connection is already going down.
    fail(error as Error);
  }
  return promise.finally(stop);
}

async function logIn(
  { socket, readInPlace }: Way,
  endpoint: ResolvedEndpoint,
  options: ResolvedOptions,
  abortSignal: AbortSignal,
): Promise<Dialled> {
  const client = new ssh2.Client();
  const ready = Promise.withResolvers<void>();
  // It may be rejected at any time from now on, and is waited for only after other things.
  ready.promise.catch(() => undefined);
  const early = ready.promise as Promise<never>;
  const lost = Promise.withResolvers<Error | undefined>();
  let refusal: HostKeyRefusal | undefined;
  let isReady = false;
  let isLost = false;
  let lastError: (Error & { readonly level?: string }) | undefined;
  let plan: LoginPlan | undefined;

  // Before ssh2's own listener: whoever hears that a channel has closed can then already see that the link is gone.
  socket.on('close', () => {
    isLost = true;
    lost.resolve(lastError);
    if (!isReady) ready.reject(beforeLogin(endpoint, plan, lastError?.message ?? 'the server hung up', lastError));
  });
  socket.once('error', (error: Error) => (lastError = error));
  const stop = armed(endpoint, options, abortSignal, ready.reject);
  try {
    const ways = await Promise.race([planAuthentication(endpoint.user, endpoint.authentication), early]);
    plan = ways;
    const opening = endpoint.hostKeys.open(endpoint.keyName).catch((error: Error) => {
      const message = `Host key of ${endpoint.description} refused: ${endpoint.hostKeys.description} cannot be read (${error.message}); nothing is accepted unread`;
      throw new HostError('HOST_KEY_REFUSED', message, { cause: error });
    });
    const check = await Promise.race([opening, early]);
    // One listener for the client's whole life: ssh2 reports errors long after `ready`, and an unheard one ends the process.
    client.on('error', (error: Error & { level?: string }) => {
      lastError = error;
      // An agent that cannot be asked is only one way to log in less; another error of this kind ends the attempt anyway.
      if (error.level === 'agent') return;
      if (refusal) {
        const message = `Host key of ${endpoint.description} refused: ${refusal.reason}; ${refusal.remedy}`;
        ready.reject(new HostError('HOST_KEY_REFUSED', message));
      } else if (error.level === 'client-authentication') {
        ready.reject(loginFailed(endpoint, ways.describe(), { cause: error }));
      } else ready.reject(beforeLogin(endpoint, ways, error.message, error));
    });
    client.on('ready', () => {
      isReady = true;
      ready.resolve();
    });
    client.connect({
      sock: socket as never,
      username: endpoint.user,
      // ssh2's timer would run beside ours and name no host.
      readyTimeout: 0,
      keepaliveInterval: options.keepaliveIntervalMs,
      keepaliveCountMax: options.keepaliveCount,
      algorithms: { serverHostKey: hostKeyAlgorithms(check.keyTypes) },
      hostVerifier: (key: Buffer, accept: (isAccepted: boolean) => void) => {
        check.verify(key).then(
          (found) => {
            refusal = found;
            accept(found === undefined);
          },
          (error: Error) => {
            refusal = { reason: error.message, remedy: 'nothing is accepted unread' };
            accept(false);
          },
        );
      },
      authHandler: ways.handler as never,
    });
    signAtOnce(client);
    const version = readVersion(socket);
    await ready.promise;
    if (prepareKeys(client)) {
      readInPlace?.(true);
      // Keys that are made anew may be another cipher's.
      client.once('handshake', () => readInPlace?.(false));
    }
    const close = (): void => {
      client.end();
      // A dead link never answers the goodbye, and a socket that waits for it keeps this process alive.
      if (socket instanceof Socket) socket.destroySoon();
    };
    // The socket knows before its `close` has told everybody.
    return { client, serverVersion: version(), isLost: () => isLost || !socket.writable, lost: lost.promise, close };
  } catch (error) {
    client.destroy();
    socket.destroy();
    throw error;
  } finally {
    stop();
  }
}

/** Reads the server's first line beside ssh2, which keeps it to itself. */
function readVersion(socket: Duplex): () => string {
  let seen = '';
  const onData = (chunk: Buffer): void => {
    seen += chunk.toString('latin1');
    // The line may follow others, but comes before anything that is not text.
    if (/^SSH-.*\n/m.test(seen) || seen.length > 16_384) socket.off('data', onData);
  };
  socket.on('data', onData);
  return () => /^SSH-[^\r\n]*/m.exec(seen)?.[0] ?? '';
}

/** Types of host key that ssh2 can check, in the order of preference; SHA-1 signatures and DSA are left out. */
const algorithmsByType: readonly (readonly [string, readonly ServerHostKeyAlgorithm[]])[] = [
  ['ssh-ed25519', ['ssh-ed25519']],
  ['ecdsa-sha2-nistp256', ['ecdsa-sha2-nistp256']],
  ['ecdsa-sha2-nistp384', ['ecdsa-sha2-nistp384']],
  ['ecdsa-sha2-nistp521', ['ecdsa-sha2-nistp521']],
  ['ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256']],
];

/** What to ask the server for: first the types that are known, so that it shows a key which can be compared. */
export function hostKeyAlgorithms(knownTypes: readonly string[]): ServerHostKeyAlgorithm[] {
  const rank = (type: string): number => (knownTypes.includes(type) ? knownTypes.indexOf(type) : knownTypes.length);
  return algorithmsByType.toSorted(([a], [b]) => rank(a) - rank(b)).flatMap(([, algorithms]) => algorithms);
}

function armed(
  endpoint: ResolvedEndpoint,
  options: ResolvedOptions,
  abortSignal: AbortSignal,
  reject: (reason: Error) => void,
): () => void {
  const onAbort = (): void =>
    reject(
      new HostError('ABORTED', `Connecting to ${endpoint.description} was aborted`, { cause: abortSignal.reason }),
    );
  if (abortSignal.aborted) onAbort();
  abortSignal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => reject(connectFailed(endpoint, `no answer within ${options.connectTimeoutMs} ms`, {})),
    options.connectTimeoutMs,
  );
  return () => {
    clearTimeout(timer);
    abortSignal.removeEventListener('abort', onAbort);
  };
}

function connectFailed(endpoint: ResolvedEndpoint, reason: string, options: ErrorOptions): HostError {
  return new HostError('CONNECT_FAILED', `Cannot connect to ${endpoint.description}: ${reason}`, options);
}

/** Once something was shown to the server, its hanging up is an answer to that: OpenSSH does it after too many tries. */
function beforeLogin(
  endpoint: ResolvedEndpoint,
  plan: LoginPlan | undefined,
  reason: string,
  cause: Error | undefined,
): HostError {
  const options = cause === undefined ? {} : { cause };
  if (reason === 'Connection lost before handshake') {
    return connectFailed(endpoint, 'it hung up before the login; is that the port of an SSH server?', options);
  }
  if (plan?.hasTried() !== true) return connectFailed(endpoint, `${printable(reason)} before the login`, options);
  return loginFailed(endpoint, `${plan.describe()}; then the connection ended: ${printable(reason)}`, options);
}

function loginFailed(endpoint: ResolvedEndpoint, reason: string, options: ErrorOptions): HostError {
  return new HostError('CONNECT_FAILED', `Cannot log in to ${endpoint.description}: ${reason}`, options);
}
