import { createPrivateKey, randomBytes, type KeyObject } from 'node:crypto';

import ssh2 from 'ssh2';
import type { ParsedKey } from 'ssh2';

/** A private key, or why there is none. */
export type PrivateKeyResult =
  | { readonly kind: 'key'; readonly key: ParsedKey }
  | { readonly kind: 'encrypted' | 'wrong-passphrase' | 'public' | 'unreadable' };

/** Reads a private key: OpenSSH's format, PEM (PKCS#1, SEC1), PKCS#8 or PuTTY's. No result holds anything of it in words. */
export function readPrivateKey(content: Buffer, passphrase?: string): PrivateKeyResult {
  const text = content.toString('latin1');
  if (/-----BEGIN (?:ENCRYPTED )?PRIVATE KEY-----/.test(text)) return readPkcs8(text, passphrase);
  const parsed = ssh2.utils.parseKey(content, passphrase);
  const key = Array.isArray(parsed) ? (parsed as readonly (ParsedKey | Error)[])[0] : parsed;
  if (key === undefined || key instanceof Error) {
    if (passphrase !== undefined) return { kind: 'wrong-passphrase' };
    const isEncrypted = key !== undefined && /encrypted|passphrase/i.test(key.message);
    return { kind: isEncrypted ? 'encrypted' : 'unreadable' };
  }
  return key.isPrivateKey() ? { kind: 'key', key } : { kind: 'public' };
}

/** ssh2 does not know this format, and Node does: the key is handed over in one that ssh2 knows. */
function readPkcs8(text: string, passphrase: string | undefined): PrivateKeyResult {
  const isEncrypted = text.includes('ENCRYPTED PRIVATE KEY');
  if (isEncrypted && passphrase === undefined) return { kind: 'encrypted' };
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    return { kind: isEncrypted ? 'wrong-passphrase' : 'unreadable' };
  }
  const type = key.asymmetricKeyType;
  const written =
    type === 'rsa'
      ? key.export({ type: 'pkcs1', format: 'pem' })
      : type === 'ec'
        ? key.export({ type: 'sec1', format: 'pem' })
        : type === 'ed25519'
          ? writeEd25519(key)
          : undefined;
  const parsed = written === undefined ? undefined : ssh2.utils.parseKey(written);
  return parsed === undefined || parsed instanceof Error ? { kind: 'unreadable' } : { kind: 'key', key: parsed };
}

/** OpenSSH's own format, the only one that ssh2 reads keys of this kind from. */
function writeEd25519(key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' });
  const [publicPart, seed] = [Buffer.from(jwk.x ?? '', 'base64url'), Buffer.from(jwk.d ?? '', 'base64url')];
  const publicKey = Buffer.concat([sshString('ssh-ed25519'), sshString(publicPart)]);
  const check = randomBytes(4);
  const privateKeys = Buffer.concat([
    check,
    check,
    publicKey,
    sshString(Buffer.concat([seed, publicPart])),
    sshString(''),
  ]);
  // Filled up to the block size of no cipher, with 1, 2, 3…
  const padding = Buffer.from([...Array((8 - (privateKeys.length % 8)) % 8).keys()].map((index) => index + 1));
  const bytes = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    sshString('none'),
    sshString('none'),
    sshString(''),
    Buffer.from([0, 0, 0, 1]),
    sshString(publicKey),
    sshString(Buffer.concat([privateKeys, padding])),
  ]);
  const lines = bytes.toString('base64').replaceAll(/.{70}/g, '$&\n');
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function sshString(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
