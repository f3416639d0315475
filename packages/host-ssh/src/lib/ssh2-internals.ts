// What is used of ssh2 beside its documented surface. It is for speed, and for what ssh2 forgets; all of it does nothing where
// ssh2 has changed.
import { createSecretKey } from 'node:crypto';
import { createRequire } from 'node:module';

import type { Client, ClientChannel } from 'ssh2';

type TopUp = (channel: ClientChannel) => void;

/**
 * Lets the server send as much again as a channel's window holds. ssh2 does so by itself only when half of the window is used
 * up, which on a far host halves the speed of every channel whose first half was not used up to the byte: then the second
 * half of each round trip waits for the next.
 */
export const topUpWindow: TopUp = findTopUp();

/** Bytes after which it is worth a packet. */
export const topUpBytes: number = 256 * 1024;

function findTopUp(): TopUp {
  try {
    const internals = createRequire(import.meta.url)('ssh2/lib/Channel.js') as { readonly windowAdjust?: TopUp };
    return internals.windowAdjust ?? (() => undefined);
  } catch {
    return () => undefined;
  }
}

/**
 * Closes a channel, and sends nothing more for it. What was under way is still read then, and ssh2 opens the window for more of
 * it: RFC 4254 5.3 has no message behind a close, and a server that has forgotten the channel may end the whole connection.
 */
export function closeChannel(channel: ClientChannel): void {
  channel.close();
  const { incoming } = channel as ClientChannel & { readonly incoming?: { window: number } };
  if (incoming !== undefined) incoming.window = Infinity;
}

interface Ciphers {
  readonly _protocol?: {
    readonly _cipher?: { _encKey?: unknown };
    readonly _decipher?: { _decipherKey?: unknown };
  };
}

/**
 * Makes the keys of a connection into what Node takes without a look at them. ssh2 makes a cipher for each packet out of a key
 * in plain bytes, and of these Node 24 finds out by two exceptions that they are no key object: a quarter of all the time
 * that a large file takes. A connection that has changed its keys since works as before.
 *
 * Returns whether it deciphers what comes at once, part by part (AES-GCM, in JavaScript), and so keeps none of the bytes that it
 * is given. Its other ciphers hold on to a packet until its end has come.
 */
export function prepareKeys(client: Client): boolean {
  const { _cipher: cipher, _decipher: decipher } = (client as unknown as Ciphers)._protocol ?? {};
  if (cipher?._encKey instanceof Uint8Array) cipher._encKey = createSecretKey(cipher._encKey);
  if (!(decipher?._decipherKey instanceof Uint8Array)) return false;
  decipher._decipherKey = createSecretKey(decipher._decipherKey);
  return true;
}

interface Channels {
  readonly _chanMgr?: { readonly _cur?: number; get?(id: number): unknown };
}

/**
 * Opens a channel, and returns the function that closes it. ssh2 tells nobody of a session that was opened and whose command
 * was refused or is not answered, and leaves it to the server, which counts it until the connection ends.
 */
export function openTracked(client: Client, open: () => void): () => void {
  open();
  const { _chanMgr: channels } = client as unknown as Channels;
  const id = channels?._cur;
  return () => {
    const channel = id === undefined ? undefined : channels?.get?.(id);
    if (typeof channel === 'object' && channel !== null && 'close' in channel) closeChannel(channel as ClientChannel);
  };
}

type SignWith = (packet: Buffer, send: (signature: Buffer) => void) => void;

interface Key {
  readonly isPrivateKey: () => boolean;
  readonly sign: (data: Buffer, hash?: string) => Buffer | Error;
}

interface PublicKeyLogin {
  readonly _protocol?: {
    authPK?: (user: string, key: Key, algorithm: string | undefined, signWith?: SignWith) => void;
  };
}

/** Of RSA keys, which have more than one way to sign. */
const hashes: Readonly<Record<string, string>> = { 'rsa-sha2-512': 'sha512', 'rsa-sha2-256': 'sha256' };

/**
 * Has a private key that is at hand sign at once. ssh2 first asks the server whether it would take the key, which is worth its
 * round trip where signing costs a person's touch or a passphrase; an agent's keys are still asked for first. To be called
 * right after `connect`.
 */
export function signAtOnce(client: Client): void {
  const { _protocol: protocol } = client as unknown as PublicKeyLogin;
  const original = protocol?.authPK;
  if (protocol === undefined || original === undefined) return;
  protocol.authPK = function authPK(user, key, algorithm, signWith) {
    const sign: SignWith = (packet, send) => {
      const signature = key.sign(packet, hashes[algorithm ?? '']);
      // As it would be without us: ssh2 tells what is wrong with the key once the server has taken it.
      if (signature instanceof Error) original.call(protocol, user, key, algorithm);
      else send(signature);
    };
    original.call(protocol, user, key, algorithm, signWith ?? (key.isPrivateKey() ? sign : undefined));
  };
}
