import { createHmac, randomBytes } from 'node:crypto';
import { appendFile, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { refusalOf, type HostKeyPolicy, type HostKeyRefusal, type HostKeyTarget } from './host-keys.ts';
import { readKnownHosts, readKnownHostsText, type KnownHostsFile } from './known-hosts-files.ts';
import { judgeKey, keyTypeOf, knownHostsName, knownKeyTypes, matchesName, parseKnownHosts } from './known-hosts.ts';

/** Options of `acceptNew`. */
export interface AcceptNewOptions {
  /** Write a digest of the host's name in its place, as OpenSSH's HashKnownHosts does. @default false */
  readonly hashNames?: boolean;
}

/**
 * Accepts and writes down the key of a host that the file does not know, and from then on only that key. The file (and its
 * directory) is made when it is missing, mode 0600. What is no regular file, such as /dev/null, refuses the host: a key that
 * is written there is not remembered, and the next one would be accepted as well.
 */
export function acceptNew(path: string, options: AcceptNewOptions = {}): HostKeyPolicy {
  return acceptNewPolicy({ path, others: [], hashNames: options.hashNames ?? false });
}

/** What `acceptNewPolicy` reads and writes. */
export interface AcceptNewFiles {
  readonly path: string;
  /** Further files whose lines count, and that are not written to. */
  readonly others: readonly KnownHostsFile[];
  readonly hashNames: boolean;
}

/** `acceptNew` beside further files. */
export function acceptNewPolicy({ path, others, hashNames }: AcceptNewFiles): HostKeyPolicy {
  const files = [{ path, isOptional: true }, ...others];
  const paths = files.map((file) => file.path);
  return {
    description: `${paths.join(', ')} (new hosts are accepted)`,
    async open(target) {
      if ((await stat(path).catch(() => undefined))?.isFile() === false) throw new Error(`${path} is no regular file`);
      return {
        keyTypes: knownKeyTypes(await readKnownHosts(files), target),
        async verify(key) {
          // Read anew: another program may have written a key down since.
          const lines = await readKnownHosts(files);
          const verdict = judgeKey(lines, target, key);
          if (verdict.kind !== 'unknown' || verdict.hasAuthority) return refusalOf(lines, paths, target, key);
          await writeDown(path, target, key, hashNames);
          return rivalOf(path, target, key);
        },
      };
    },
  };
}

async function writeDown(path: string, target: HostKeyTarget, key: Uint8Array, hashNames: boolean): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const text = await readKnownHostsText({ path, isOptional: true });
  const name = knownHostsName(target.host, target.port);
  const line = `${hashNames ? hashedName(name) : name} ${keyTypeOf(key)} ${Buffer.from(key).toString('base64')}\n`;
  // A last line that is not ended would swallow it. One write at the end of the file: lines of several programs do not mix.
  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  await appendFile(path, separator + line, { mode: 0o600 });
}

/** Two programs may meet a host at the same time. When they saw different keys, one of them saw somebody in between. */
async function rivalOf(path: string, target: HostKeyTarget, key: Uint8Array): Promise<HostKeyRefusal | undefined> {
  const name = knownHostsName(target.host, target.port);
  const lines = parseKnownHosts(await readKnownHostsText({ path, isOptional: false }), path);
  const rival = lines.find(
    (line) =>
      line.kind === 'host' && line.keyType === keyTypeOf(key) && matchesName(line, name) && !line.key.equals(key),
  );
  return (
    rival && {
      reason: `another key was written down for it at the same moment, at ${rival.where}`,
      remedy: `find out which is right, and remove the other line`,
    }
  );
}

/** A name as OpenSSH hides it: HMAC-SHA1 is the format's. */
function hashedName(name: string): string {
  const salt = randomBytes(20);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}
