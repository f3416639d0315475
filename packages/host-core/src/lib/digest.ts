/** Checks a digest that a caller gave, and brings it into lower-case hex. Throws a `TypeError`; `undefined` passes. */
export function readDigest(digest: string | undefined, name: 'sha256' | 'sha512'): string | undefined {
  if (digest === undefined) return undefined;
  const hex = /^[0-9a-f]+$/i.test(digest) ? digest.toLowerCase() : Buffer.from(digest, 'base64').toString('hex');
  // Only SHA-512 is known in base64, from npm.
  const isWhole = name === 'sha512' ? hex.length === 128 : /^[0-9a-f]{64}$/i.test(digest);
  if (isWhole) return hex;
  throw new TypeError(`${name} must be ${name === 'sha512' ? '128 hex digits, or base64' : '64 hex digits'}`);
}
