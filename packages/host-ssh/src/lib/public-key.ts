import ssh2 from 'ssh2';

import { keyTypeOf } from './known-hosts.ts';

/** The public half of a key file. */
export interface PublicKey {
  /** `ssh-ed25519 AAAA…`, without comment. */
  readonly text: string;
  /** Whether the file holds this half only. */
  readonly isPublicKey: boolean;
}

/** Finds the public key in the content of a key file, without a passphrase. `undefined` where it cannot be told. */
export function publicKeyOf(content: Buffer): PublicKey | undefined {
  const text = content.toString('latin1');
  const line = /^(?<type>[a-z0-9@.-]+) (?<key>[A-Za-z0-9+/]+=*)(?:\s|$)/.exec(text.trimStart());
  if (line?.groups !== undefined) {
    const key = Buffer.from(line.groups['key'] ?? '', 'base64');
    return keyTypeOf(key) === line.groups['type'] ? { text: publicKeyText(key), isPublicKey: true } : undefined;
  }
  const inHeader = headerKey(text);
  if (inHeader) return { text: publicKeyText(inHeader), isPublicKey: false };
  const parsed = ssh2.utils.parseKey(content);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error) return undefined;
  return { text: publicKeyText(key.getPublicSSH()), isPublicKey: !key.isPrivateKey() };
}

/** A key in SSH's wire format, as `authorized_keys` writes it. */
function publicKeyText(key: Buffer): string {
  return `${keyTypeOf(key)} ${key.toString('base64')}`;
}

/** OpenSSH's own format has the public key in front of what may be encrypted: four strings (RFC 4251) and a count before it. */
function headerKey(text: string): Buffer | undefined {
  const encoded = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(text)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  const magic = 'openssh-key-v1\0';
  if (bytes.toString('latin1', 0, magic.length) !== magic) return undefined;
  let at = magic.length;
  const readString = (): Buffer | undefined => {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return undefined;
    const value = bytes.subarray(at + 4, end);
    at = end;
    return value;
  };
  // Cipher, key derivation and its options.
  if ([readString(), readString(), readString()].includes(undefined)) return undefined;
  at += 4;
  const key = readString();
  return key !== undefined && keyTypeOf(key) !== '' ? key : undefined;
}
