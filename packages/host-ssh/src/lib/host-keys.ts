import { createHash } from 'node:crypto';
import { userInfo } from 'node:os';

import { defaultKnownHostsFiles, readKnownHosts, type KnownHostsFile } from './known-hosts-files.ts';
import { judgeKey, keyTypeOf, knownHostsName, knownKeyTypes, type KnownHostsLine } from './known-hosts.ts';

/** The server whose key is to be judged, as the caller named it. */
export interface HostKeyTarget {
  readonly host: string;
  readonly port: number;
}

/** Why a host key is not accepted. */
export interface HostKeyRefusal {
  /** In words that go on after `Host key of build-3 refused: `. */
  readonly reason: string;
  /** What a person can do about it. */
  readonly remedy: string;
  /** The host is not known at all: `acceptNew` would write its key down. @default false */
  readonly isUnknown?: boolean;
}

/** A policy, opened for one connection. */
export interface HostKeyCheck {
  /** Key types to ask the server for, best first; others follow. Empty: no preference. */
  readonly keyTypes: readonly string[];
  /** Judges the key that the server proved to hold, in SSH's wire format. Resolves with `undefined` when it is accepted. */
  verify(key: Uint8Array): Promise<HostKeyRefusal | undefined>;
}

/** Decides which host keys are accepted. It is asked before anything is sent that could authenticate. */
export interface HostKeyPolicy {
  /** For messages: `~/.ssh/known_hosts`. */
  readonly description: string;
  /** Reads what it needs, anew for each connection. A rejection refuses the host: nothing is accepted unread. */
  open(target: HostKeyTarget): Promise<HostKeyCheck>;
}

/** The same policy, whose refusals are told as `change` puts them: with a remedy of the caller's, for instance. What it accepts stays. */
export function mapRefusals(policy: HostKeyPolicy, change: (refusal: HostKeyRefusal) => HostKeyRefusal): HostKeyPolicy {
  return {
    description: policy.description,
    async open(target) {
      const check = await policy.open(target);
      return {
        keyTypes: check.keyTypes,
        async verify(key) {
          const refusal = await check.verify(key);
          return refusal && change(refusal);
        },
      };
    },
  };
}

/**
 * Accepts the keys that OpenSSH known_hosts files hold for the host: plain and hashed names, `[host]:port`, wildcards,
 * negation, `@revoked`. A host that only has a `@cert-authority` line is refused: host certificates are not supported.
 * The files are read anew for each connection; one that cannot be read refuses the host. Without a path they are those that
 * `ssh` reads by itself (`~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`), of which none needs to be there.
 */
export function fromKnownHosts(...paths: readonly string[]): HostKeyPolicy {
  if (paths.length > 0) return knownHostsPolicy(paths.map((path) => ({ path, isOptional: false })));
  const { user, global } = defaultKnownHostsFiles(userInfo().homedir);
  return knownHostsPolicy([...user, ...global]);
}

/** `fromKnownHosts` for files of which some need not be there. */
export function knownHostsPolicy(files: readonly KnownHostsFile[]): HostKeyPolicy {
  const paths = files.map(({ path }) => path);
  return {
    description: paths.length === 0 ? 'no known_hosts file' : paths.join(', '),
    async open(target) {
      const lines = await readKnownHosts(files);
      return {
        keyTypes: knownKeyTypes(lines, target),
        verify: (key) => Promise.resolve(refusalOf(lines, paths, target, key)),
      };
    },
  };
}

/**
 * Accepts one key, or any of several: given as a fingerprint (`SHA256:…`, as `ssh-keygen -l` prints it) or as a public key
 * (`ssh-ed25519 AAAA…`). A server with keys of several types shows the one it is asked for: a public key asks for its own
 * type, a fingerprint cannot.
 */
export function pinnedKey(...keys: readonly string[]): HostKeyPolicy {
  if (keys.length === 0) throw new TypeError('pinnedKey needs a fingerprint or a public key');
  const pins = keys.map(parsePin);
  return {
    description: 'pinned key',
    open: () =>
      Promise.resolve({
        keyTypes: pins.flatMap((pin) => pin.keyType ?? []),
        verify: (key) => {
          const shown = fingerprintOf(key);
          if (pins.some((pin) => pin.fingerprint === shown)) return Promise.resolve(undefined);
          const reason = `it shows ${describeKey(key)}, pinned is ${pins.map((pin) => pin.fingerprint).join(' or ')}`;
          const remedy = 'if the host really has this key now, pin it; otherwise somebody is in between';
          return Promise.resolve({ reason, remedy });
        },
      }),
  };
}

/** `SHA256:…` of a key in SSH's wire format, as OpenSSH prints it. */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** Why a key is not accepted by known_hosts lines; `undefined` where it is. */
export function refusalOf(
  lines: readonly KnownHostsLine[],
  paths: readonly string[],
  target: HostKeyTarget,
  key: Uint8Array,
): HostKeyRefusal | undefined {
  const files = paths.length === 0 ? 'any known_hosts file' : paths.join(', ');
  const name = knownHostsName(target.host, target.port);
  const verdict = judgeKey(lines, target, key);
  switch (verdict.kind) {
    case 'known':
      return undefined;
    case 'revoked':
      return { reason: `${describeKey(key)} is revoked by ${verdict.where}`, remedy: 'do not use this host' };
    case 'changed':
      return {
        reason: `it shows ${describeKey(key)}, but ${verdict.where} holds another key of this type`,
        remedy: `if the host really has a new key, remove the line (ssh-keygen -R '${name}'); otherwise somebody is in between`,
      };
    case 'other-type':
      return {
        reason: `it shows ${describeKey(key)}, but ${files} knows it by ${verdict.keyTypes.join(', ')} only`,
        remedy: `check the fingerprint and add the key under the name ${name}`,
      };
    case 'unknown':
      return verdict.hasAuthority
        ? {
            reason: `${files} trusts only certificates for it, and host certificates are not supported`,
            remedy: `add the key itself under the name ${name}, or pin its fingerprint ${fingerprintOf(key)}`,
          }
        : {
            reason: `${describeKey(key)} is not in ${files}`,
            remedy: `check the fingerprint and add the key under the name ${name} (connecting once with ssh does that)`,
            isUnknown: true,
          };
  }
}

function describeKey(key: Uint8Array): string {
  return `${keyTypeOf(key)} ${fingerprintOf(key)}`;
}

/** Reads a fingerprint or a public key. Throws a `TypeError` for what is neither. */
export function parsePin(text: string): { readonly fingerprint: string; readonly keyType?: string } {
  const match = /^(SHA256:[A-Za-z0-9+/]{43})=?$/.exec(text);
  if (match?.[1] !== undefined) return { fingerprint: match[1] };
  const [keyType = '', encoded = ''] = text.trim().split(/\s+/);
  const key = Buffer.from(encoded, 'base64');
  if (keyType === '' || keyTypeOf(key) !== keyType) {
    throw new TypeError('A key must be given as a fingerprint like SHA256:… or as a public key like ssh-ed25519 AAAA…');
  }
  return { fingerprint: fingerprintOf(key), keyType };
}
