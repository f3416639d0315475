import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runTool } from './marked-processes.ts';

/** Kinds of host key that the servers of this kit make. */
export type SshKeyType = 'ed25519' | 'ecdsa' | 'rsa';

/** A key of a server. */
export interface SshHostKey {
  /** For instance `ssh-ed25519 AAAA…`, without comment. */
  readonly publicKey: string;
  /** `SHA256:…`, as ssh-keygen prints it. */
  readonly fingerprint: string;
}

/** A key pair in files: the private one under the name given, mode 0600. */
export interface KeyFile extends SshHostKey {
  readonly file: string;
}

/** Makes a key pair with OpenSSH's own tool. */
export async function makeKey(directory: string, name: string, type: SshKeyType): Promise<KeyFile> {
  const file = join(directory, name);
  await runTool('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', file]);
  return { file, ...describeKey(await readFile(`${file}.pub`, 'utf8')) };
}

/** Reads `ssh-ed25519 AAAA… comment`. */
export function describeKey(line: string): SshHostKey {
  const [type = '', blob = ''] = line.trim().split(' ');
  const digest = createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64');
  return { publicKey: `${type} ${blob}`, fingerprint: `SHA256:${digest.replace(/=+$/, '')}` };
}
