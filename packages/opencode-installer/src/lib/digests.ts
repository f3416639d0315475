import { createHash } from 'node:crypto';

import { OpencodeInstallError } from './errors.ts';

/** What the bytes of a download must be. Of two, both count. */
export interface Digests {
  /** Hex. */
  readonly sha256?: string;
  /** Hex or, as npm writes it, base64. */
  readonly sha512?: string;
}

/** Checks bytes as they pass. */
export interface DigestCheck {
  update(chunk: Uint8Array): void;
  /** Throws `DIGEST_MISMATCH`. Called once, at the end. */
  verify(): void;
}

/** Throws a `TypeError` for what is no digest. Returns whether there is one. */
export function checkDigests({ sha256, sha512 }: Digests): boolean {
  for (const [name, digest, pattern, form] of [
    ['sha256', sha256, /^[0-9a-f]{64}$/i, '64 hex digits'],
    ['sha512', sha512, /^(?:[0-9a-f]{128}|[A-Za-z0-9+/]{86}==)$/i, '128 hex digits, or base64'],
  ] as const) {
    if (digest !== undefined && !pattern.test(digest)) throw new TypeError(`${name} must be ${form}`);
  }
  return sha256 !== undefined || sha512 !== undefined;
}

/** Makes the check of one download. `what` is for the message. */
export function createDigestCheck(what: string, digests: Digests): DigestCheck {
  const checks = (['sha256', 'sha512'] as const).flatMap((algorithm) => {
    const expected = digests[algorithm];
    return expected === undefined ? [] : [{ algorithm, expected, hash: createHash(algorithm) }];
  });
  return {
    update: (chunk) => {
      for (const { hash } of checks) hash.update(chunk);
    },
    verify: () => {
      for (const { algorithm, expected, hash } of checks) {
        const encoding = expected.endsWith('=') ? 'base64' : 'hex';
        const actual = hash.digest(encoding);
        if (actual === (encoding === 'hex' ? expected.toLowerCase() : expected)) continue;
        throw new OpencodeInstallError(
          'DIGEST_MISMATCH',
          `${what} has another digest than it must have: expected ${algorithm}-${expected}, received ${algorithm}-${actual}; nothing was installed`,
        );
      }
    },
  };
}

/** A short name for content, from its digest: the same content is installed once, whatever address it came from. */
export function digestName({ sha256, sha512 }: Digests): string {
  if (sha256 !== undefined) return `sha256-${sha256.toLowerCase().slice(0, 32)}`;
  const hex = sha512?.endsWith('=') === true ? Buffer.from(sha512, 'base64').toString('hex') : (sha512 ?? '');
  return `sha512-${hex.toLowerCase().slice(0, 32)}`;
}
