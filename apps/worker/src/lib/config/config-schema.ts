import { z } from 'zod';

import { MAX_AGE_MS, parseDuration } from '../duration.ts';
import { expecting, secret, text, word } from '../task-file-schema.ts';

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
const NAME_RULE = 'a name consists of letters, digits, `.`, `_` and `-`, and does not begin with `.` or `-`';

const host = z.strictObject(
  {
    ssh: text('what you would write after ssh').optional(),
    hostKey: z
      .union([text('a fingerprint'), z.array(text('a fingerprint'))], {
        error: 'must be a fingerprint (SHA256:…), a public key, or a list of them',
      })
      .optional(),
    knownHosts: text('the path of a known_hosts file').optional(),
    acceptNew: z.boolean(expecting('true or false')).optional(),
    identityFile: text('the path of a private key').optional(),
    passphrase: secret('the passphrase of the key').optional(),
    password: secret('the password of the login').optional(),
    taskRoot: word(
      'an absolute directory on that machine',
      /^\/[^\n\0]*[^/\n\0]$/,
      'must be an absolute path, and not /',
    ).optional(),
    cacheDirectory: word('an absolute directory on that machine', /^\//, 'must be an absolute path').optional(),
    confine: z.enum(['auto', 'required', 'off'], { error: 'must be auto, required or off' }).optional(),
  },
  expecting('a map with ssh, hostKey and the like; {} takes all from ssh_config'),
);

const named = <Value extends z.ZodType>(value: Value, what: string): z.ZodRecord<z.ZodString, Value> =>
  z.record(z.string().regex(NAME, { error: NAME_RULE }), value, expecting(what));

const fields = z.strictObject(
  {
    store: text('the path of a SQLite file, a mongodb:// URL, or a reference to one (env:NAME, file:PATH)').optional(),
    identity: text('the path of the key to the store').optional(),
    sshConfig: text('the path of a file such as ~/.ssh/config').optional(),
    machine: word('what this machine is called', NAME, NAME_RULE).optional(),
    deliverables: text('a directory for what queued tasks deliver').optional(),
    retention: z
      .string(expecting('an age such as 30d'))
      .refine((value) => parseDuration(value, MAX_AGE_MS) !== undefined, { error: 'must be an age such as 12h or 30d' })
      .optional(),
    hosts: named(host, 'a map from names to machines').optional(),
    keys: named(secret('a key'), 'a map from names to references').optional(),
    hooks: named(text('the path of a module'), 'a map from names to modules').optional(),
  },
  expecting('fields such as `hosts:`'),
);

/** The worker's configuration. Each field says in its own words what it must be. */
export const configSchema: z.ZodType<ConfigFields> = fields;

/** Names of the fields at a place: those of the file, and those of a host. */
export function configFieldsAt(path: readonly (string | number)[]): readonly string[] {
  if (path.length === 0) return Object.keys(fields.shape);
  return path.length === 2 && path[0] === 'hosts' ? Object.keys(host.shape) : [];
}

/** A machine as the configuration describes it. */
export interface HostFields {
  /** What one would write after `ssh`. */
  readonly ssh?: string | undefined;
  readonly hostKey?: string | readonly string[] | undefined;
  readonly knownHosts?: string | undefined;
  readonly acceptNew?: boolean | undefined;
  readonly identityFile?: string | undefined;
  readonly passphrase?: string | undefined;
  readonly password?: string | undefined;
  readonly taskRoot?: string | undefined;
  readonly cacheDirectory?: string | undefined;
  readonly confine?: 'auto' | 'required' | 'off' | undefined;
}

/** The configuration as it is written. */
export interface ConfigFields {
  readonly store?: string | undefined;
  readonly identity?: string | undefined;
  readonly sshConfig?: string | undefined;
  readonly machine?: string | undefined;
  readonly deliverables?: string | undefined;
  readonly retention?: string | undefined;
  readonly hosts?: Readonly<Record<string, HostFields>> | undefined;
  readonly keys?: Readonly<Record<string, string>> | undefined;
  readonly hooks?: Readonly<Record<string, string>> | undefined;
}
