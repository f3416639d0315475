import { createHmac } from 'node:crypto';

import { matchesPatternList } from './patterns.ts';

/** One usable line of a known_hosts file. */
export interface KnownHostsLine {
  /** `path:number` of the line, for messages. */
  readonly where: string;
  /** What the line says of its key: that it is the host's, that it must never be trusted, or that it signs host keys. */
  readonly kind: 'host' | 'revoked' | 'authority';
  /** First field: patterns with commas between them, or one hashed name. */
  readonly patterns: string;
  /** For instance `ssh-ed25519`. */
  readonly keyType: string;
  readonly key: Buffer;
}

/** What a file says of a key that a server shows. */
export type KnownHostsVerdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'unknown'; readonly hasAuthority: boolean }
  | { readonly kind: 'revoked'; readonly where: string }
  | { readonly kind: 'changed'; readonly where: string }
  | { readonly kind: 'other-type'; readonly keyTypes: readonly string[] };

/** Parses the text of the file at `path`, one character for each byte. Lines that are none are skipped, as OpenSSH does. */
export function parseKnownHosts(text: string, path: string): readonly KnownHostsLine[] {
  return text.split('\n').flatMap((line, index) => parseLine(line, `${path}:${index + 1}`) ?? []);
}

/** The name under which OpenSSH looks a host up: the bare name for port 22, `[name]:port` otherwise. */
export function knownHostsName(host: string, port: number): string {
  const name = lowerCase(host);
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Whether a line speaks of that name (as `knownHostsName` makes it). Names are compared byte by byte. */
export function matchesName(line: KnownHostsLine, name: string): boolean {
  const bytes = Buffer.from(name).toString('latin1');
  if (line.patterns.startsWith('|')) return matchesHash(line.patterns, bytes);
  return matchesPatternList(lowerCase(line.patterns).split(','), bytes);
}

/**
 * Judges a key as OpenSSH's client does: a revoked key is refused whatever else is there, then a line with this very key is
 * looked for, under `[name]:port` and, failing that, under the bare name.
 */
export function judgeKey(
  lines: readonly KnownHostsLine[],
  target: { readonly host: string; readonly port: number },
  key: Uint8Array,
): KnownHostsVerdict {
  const name = knownHostsName(target.host, target.port);
  const bareName = knownHostsName(target.host, 22);
  const about = lines.filter((line) => matchesName(line, name));
  const aboutBare = bareName === name ? [] : lines.filter((line) => matchesName(line, bareName));
  const isKey = (line: KnownHostsLine): boolean => line.key.equals(key);

  const revoked = [...about, ...aboutBare].find((line) => line.kind === 'revoked' && isKey(line));
  if (revoked) return { kind: 'revoked', where: revoked.where };
  const hosts = about.filter((line) => line.kind === 'host');
  if (hosts.some(isKey)) return { kind: 'known' };
  const type = keyTypeOf(key);
  const changed = hosts.find((line) => line.keyType === type);
  if (changed) return { kind: 'changed', where: changed.where };
  if (hosts.length > 0) return { kind: 'other-type', keyTypes: hosts.map((line) => line.keyType) };
  if (aboutBare.some((line) => line.kind === 'host' && isKey(line))) return { kind: 'known' };
  return { kind: 'unknown', hasAuthority: about.some((line) => line.kind === 'authority') };
}

/** The types of the keys that a file holds for a host, in its order: what the server should be asked for first. */
export function knownKeyTypes(
  lines: readonly KnownHostsLine[],
  target: { readonly host: string; readonly port: number },
): readonly string[] {
  const names = [knownHostsName(target.host, target.port), knownHostsName(target.host, 22)];
  const matching = names.map((name) => lines.filter((line) => line.kind === 'host' && matchesName(line, name)));
  // Keys under the bare name only count where there is none under the full one.
  const counting = matching.find((found) => found.length > 0) ?? [];
  return [...new Set(counting.map((line) => line.keyType))];
}

/** The type that a key in SSH's wire format names: its first string. Empty for what is no key. */
export function keyTypeOf(key: Uint8Array): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  if (bytes.length < 4) return '';
  const length = bytes.readUInt32BE(0);
  return length > bytes.length - 4 || length > 64 ? '' : bytes.toString('latin1', 4, 4 + length);
}

const kinds = { '@revoked': 'revoked', '@cert-authority': 'authority' } as const;

function parseLine(text: string, where: string): KnownHostsLine | undefined {
  const fields = text.trim().split(/[ \t]+/);
  let kind: KnownHostsLine['kind'] = 'host';
  const marker = fields[0] ?? '';
  if (marker.startsWith('@')) {
    if (!(marker in kinds)) return undefined;
    kind = kinds[marker as keyof typeof kinds];
    fields.shift();
  }
  const [patterns, keyType, encoded] = fields;
  if (patterns === undefined || patterns.startsWith('#') || keyType === undefined || encoded === undefined)
    return undefined;
  const key = Buffer.from(encoded, 'base64');
  return keyTypeOf(key) === keyType ? { where, kind, patterns, keyType, key } : undefined;
}

/** `|1|salt|digest`, both in base64; anything else that looks like it names no host. */
function matchesHash(field: string, name: string): boolean {
  const salt = Buffer.from(field.split('|')[2] ?? '', 'base64');
  // HMAC-SHA1 is the file format's; it hides names from readers of the file and protects nothing else.
  const digest = createHmac('sha1', salt).update(name, 'latin1').digest();
  return salt.length === 20 && field === `|1|${salt.toString('base64')}|${digest.toString('base64')}`;
}

/** As OpenSSH does it: bytes that are no ASCII have no case. */
function lowerCase(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
