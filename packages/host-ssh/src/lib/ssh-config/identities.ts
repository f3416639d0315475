import { readFile } from 'node:fs/promises';

import { publicKeyOf } from '../public-key.ts';
import type { KeyboardPrompt, SshAuthentication } from '../ways-to-log-in.ts';
import { configUnsupported } from './config-errors.ts';
import { expandPath } from './expand.ts';
import type { HopContext } from './host-keys-from.ts';
import { isYes, single } from './settings.ts';

/** The server that a secret is for. */
export interface SshConfigLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** What no configuration holds. Each is asked for only when it is needed, and for the server that it then goes to. */
export interface SshConfigSecrets {
  /** The passphrase of an encrypted key file. @default none: such a file is passed over */
  readonly passphrase?: (path: string) => string | Promise<string>;
  /** The password of a login. @default none: no password is sent */
  readonly password?: (login: SshConfigLogin) => string | Promise<string>;
  /** Answers to what the server asks. @default none: no questions are answered, but for a single one for the password */
  readonly answer?: (
    prompts: readonly KeyboardPrompt[],
    login: SshConfigLogin,
  ) => readonly string[] | Promise<readonly string[]>;
}

/** What OpenSSH tries where the configuration names no file. */
const defaultIdentityFiles = ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk'].map(
  (name) => `~/.ssh/${name}`,
);

/** The ways to log in that the configuration has, in its order. */
export async function identitiesFrom(
  context: HopContext,
  secrets: SshConfigSecrets,
): Promise<{ readonly authentication: readonly SshAuthentication[]; readonly ignored: readonly string[] }> {
  const { settings, facts } = context;
  const login = { host: facts.host, port: facts.port, user: facts.user };
  const preferred = single(settings, 'preferredauthentications') ?? 'publickey,keyboard-interactive,password';
  const authentication: SshAuthentication[] = [];
  const ignored: string[] = [];
  let looked = 'no key is to be tried';
  for (const method of preferred.split(',')) {
    if (method === 'publickey' && isOn(single(settings, 'pubkeyauthentication'))) {
      const keys = await keysFrom(context, secrets);
      authentication.push(...keys.ways);
      ignored.push(...keys.ignored);
      looked = keys.looked;
    } else if (method === 'password' && isOn(single(settings, 'passwordauthentication'))) {
      const { password } = secrets;
      if (password) authentication.push({ type: 'password', password: () => password(login) });
    } else if (method === 'keyboard-interactive' && isOn(single(settings, 'kbdinteractiveauthentication'))) {
      const { answer } = secrets;
      if (answer) authentication.push({ type: 'keyboard-interactive', answer: (prompts) => answer(prompts, login) });
    }
  }
  if (authentication.length === 0) {
    throw configUnsupported(
      `Nothing can log in to ${facts.alias} (${preferred}): ${looked}; add a key, start an ssh-agent, or give a password`,
    );
  }
  return { authentication, ignored };
}

async function keysFrom(
  context: HopContext,
  { passphrase }: SshConfigSecrets,
): Promise<{
  readonly ways: readonly SshAuthentication[];
  readonly ignored: readonly string[];
  readonly looked: string;
}> {
  const { settings, source, tokens } = context;
  const ignored: string[] = [];
  const paths: string[] = [];
  for (const value of settings.get('identityfile') ?? defaultIdentityFiles) {
    if (value.toLowerCase() === 'none') continue;
    try {
      paths.push(expandPath(value, tokens, source));
    } catch (error) {
      // One key less to try, as for OpenSSH.
      ignored.push(`IdentityFile ${value}: ${(error as Error).message}`);
    }
  }
  const files = await Promise.all(paths.map(lookAt));
  const publicKeys = [...new Set(files.flatMap((file) => file.publicKey ?? []))];
  const ways: SshAuthentication[] = [];
  const socketPath = agentSocket(context);
  // Keys that the configuration names go first: a server takes few tries, and an agent may hold many.
  if (socketPath !== undefined && publicKeys.length > 0) ways.push({ type: 'agent', socketPath, keys: publicKeys });
  if (socketPath !== undefined && !isYes(single(settings, 'identitiesonly'))) ways.push({ type: 'agent', socketPath });
  for (const { path, isPrivate } of files) {
    if (!isPrivate) continue;
    ways.push({ type: 'key-file', path, ...(passphrase === undefined ? {} : { passphrase: () => passphrase(path) }) });
  }
  const looked = `${socketPath === undefined ? 'there is no agent' : 'the agent may offer no key'}, and none of ${paths.join(', ')} is there`;
  return { ways, ignored, looked };
}

interface IdentityFile {
  readonly path: string;
  /** Whether there is something that may be a private key. */
  readonly isPrivate: boolean;
  /** `ssh-ed25519 AAAA…`, where it can be told without a passphrase: from the file, or from the one beside it. */
  readonly publicKey?: string;
}

async function lookAt(path: string): Promise<IdentityFile> {
  const [content, beside] = await Promise.all([readIfThere(path), readIfThere(`${path}.pub`)]);
  const found = content === undefined ? undefined : publicKeyOf(content);
  const publicKey = found?.text ?? (beside === undefined ? undefined : publicKeyOf(beside)?.text);
  const isPrivate = content !== undefined && found?.isPublicKey !== true;
  return { path, isPrivate, ...(publicKey === undefined ? {} : { publicKey }) };
}

/** What cannot be read is told when it is tried, with its reason; a file that is missing is none. */
async function readIfThere(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' || error.code === 'ENOTDIR' ? undefined : Buffer.alloc(0),
  );
}

function agentSocket({ settings, source, tokens, facts }: HopContext): string | undefined {
  const value = single(settings, 'identityagent') ?? 'SSH_AUTH_SOCK';
  if (value.toLowerCase() === 'none') return undefined;
  const variable = value === 'SSH_AUTH_SOCK' ? value : /^\$(?<name>[^{].*)$/.exec(value)?.groups?.['name'];
  if (variable !== undefined) {
    const path = source.env[variable];
    return path === '' ? undefined : path;
  }
  try {
    return expandPath(value, tokens, source);
  } catch (error) {
    throw configUnsupported(`IdentityAgent of ${facts.alias}: ${(error as Error).message}`);
  }
}

function isOn(value: string | undefined): boolean {
  return value === undefined || !/^(?:no|false)$/i.test(value);
}
