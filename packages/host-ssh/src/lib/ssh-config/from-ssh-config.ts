import { userInfo } from 'node:os';

import { HostError } from '@optio-ts/host-core';

import type { CreateSshHostOptions, SshEndpoint } from '../options.ts';
import { askSsh } from './ask-ssh.ts';
import { configFailed } from './config-errors.ts';
import { parseDestination } from './destination.ts';
import { endpointFrom, type ConfiguredEndpoint } from './endpoint.ts';
import type { SshConfigSecrets } from './identities.ts';
import { readSettings } from './read-settings.ts';
import { resolveRoute, type Hop } from './route.ts';
import type { ConfigSource, SettingsQuestion, SshSettings } from './settings.ts';
import { timingFrom } from './timing.ts';

/** Options of `fromSshConfig`. */
export interface FromSshConfigOptions extends SshConfigSecrets {
  /** Read in the place of `~/.ssh/config` and `/etc/ssh/ssh_config`, as `ssh -F` does. @default those two */
  readonly configFile?: string;
  /**
   * Where `PATH` (to find `ssh`), `SSH_AUTH_SOCK` and the `${VARIABLE}`s of the configuration are looked up. The one place of
   * this package that reads the environment of the process. @default `process.env`
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Write down the key of a host that no known_hosts file of the configuration knows, jumps included, as
   * `StrictHostKeyChecking accept-new` does. @default what the configuration says
   */
  readonly acceptNew?: boolean;
  /** Absolute path of a private key for the host itself, tried before those of the configuration, as `ssh -i` does. @default none */
  readonly identityFile?: string;
  /** Ends the wait for `ssh -G`, which may look names up and run what `Match exec` says. */
  readonly abortSignal?: AbortSignal;
}

/** What the configuration says of a host, for `createSshHost`. */
export interface SshConfigHost extends CreateSshHostOptions {
  /** Settings that count for this host and are not followed, each with its reason. Nothing here makes the connection weaker. */
  readonly ignored: readonly string[];
}

/** Milliseconds that `ssh -G` may take: what is slower than this hangs. */
const askTimeoutMs = 30_000;

/**
 * Resolves the name of a host as `ssh` does, jumps included: by `ssh -G` where there is an `ssh`, and by reading the
 * configuration here where there is none. `alias` is what would be written after `ssh`: `build-3`, `alice@build-3:2222` or an
 * `ssh://` URL. Nothing is connected.
 *
 * The host keys of the result are those of the configuration's known_hosts files, and they are always checked: `accept-new`
 * writes new ones down, and `StrictHostKeyChecking no` is not followed. Rejects with `CONFIG_FAILED` for a configuration that
 * cannot be read, and with `CONFIG_UNSUPPORTED` for one that asks for what would have to be left out, such as a ProxyCommand.
 */
export async function fromSshConfig(alias: string, options: FromSshConfigOptions = {}): Promise<SshConfigHost> {
  const destination = typeof alias === 'string' ? parseDestination(alias) : undefined;
  if (destination === undefined || /[\p{C}\p{Z}'"`$\\;&<>|(){}*?,]/u.test(alias)) {
    throw new TypeError(`alias is no name of a host: ${JSON.stringify(alias)}`);
  }
  const source = sourceFrom(options);
  const ask = (question: SettingsQuestion): Promise<SshSettings> => settingsOf(question, source, options.abortSignal);
  const route = await resolveRoute(destination, ask);
  const found = await Promise.all(
    route.map((hop, index) => endpointFrom(asAsked(hop, options, index === route.length - 1), source, options)),
  );
  const { endpoint, ignored } = found.at(-1) as ConfiguredEndpoint;
  const jumps = found.slice(0, -1);
  const timing = timingFrom(route.at(-1)?.settings ?? new Map());
  return {
    ...endpoint,
    ...timing.options,
    ...(jumps.length === 0 ? {} : { jumps: jumps.map((jump): SshEndpoint => jump.endpoint) }),
    ignored: [
      ...jumps.flatMap((jump) => jump.ignored.map((text) => `${jump.endpoint.host}: ${text}`)),
      ...ignored,
      ...timing.ignored,
    ],
  };
}

/** The hop as if its configuration said what the caller does. */
function asAsked(hop: Hop, { acceptNew, identityFile }: FromSshConfigOptions, isLast: boolean): Hop {
  const settings = new Map(hop.settings);
  if (acceptNew === true) settings.set('stricthostkeychecking', ['accept-new']);
  if (identityFile !== undefined && isLast) {
    settings.set('identityfile', [identityFile.replaceAll('%', '%%'), ...(settings.get('identityfile') ?? [])]);
  }
  return { ...hop, settings };
}

function sourceFrom({ configFile, env = process.env }: FromSshConfigOptions): ConfigSource {
  const facts = { env, ...(configFile === undefined ? {} : { configFile }) };
  try {
    const { username, homedir } = userInfo();
    return { ...facts, localUser: username, home: homedir };
  } catch (error) {
    throw configFailed('This machine knows no user of the id that this program runs as', { cause: error });
  }
}

async function settingsOf(
  question: SettingsQuestion,
  source: ConfigSource,
  abortSignal: AbortSignal | undefined,
): Promise<SshSettings> {
  const { host } = question.destination;
  const timeout = AbortSignal.timeout(askTimeoutMs);
  try {
    abortSignal?.throwIfAborted();
    const signal = abortSignal === undefined ? timeout : AbortSignal.any([abortSignal, timeout]);
    return (await askSsh(question, source, signal)) ?? (await readSettings(question, source));
  } catch (error) {
    if (abortSignal?.aborted === true) {
      const cause: unknown = abortSignal.reason;
      throw new HostError('ABORTED', `Reading the configuration of ${host} was aborted`, { cause });
    }
    if (timeout.aborted) throw configFailed(`ssh -G ${host} gave no answer within ${askTimeoutMs} ms`);
    throw error;
  }
}
