import { createLocalHost } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import type { CreateSshHostOptions, HostKeyPolicy } from '@optio-ts/host-ssh';

import type { ConfiguredHost, WorkerConfig } from '../config/worker-config.ts';
import { WorkerError, messageOf } from '../errors.ts';
import { resolveReference } from '../secret-reference.ts';
import type { SecretReference } from '../secret-reference.ts';
import { suggest } from '../suggest.ts';

/** The name of this machine. */
export const LOCAL_HOST = 'local';

/** A machine to run on, and what the configuration says of it. */
export interface OpenedHost extends AsyncDisposable {
  /** As the user names it. */
  readonly name: string;
  readonly host: Host;
  /** Which host keys are accepted; `undefined` on this machine. */
  readonly hostKeys: string | undefined;
  /** Settings of ssh_config that are not followed, each with its reason. */
  readonly ignored: readonly string[];
  readonly taskRoot: string | undefined;
  readonly cacheDirectory: string | undefined;
  readonly confine: ConfiguredHost['confine'];
}

/** What `openHost` goes by. */
export interface OpenHostOptions {
  readonly config: WorkerConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Write down the keys of hosts that known_hosts does not know. @default what the configuration says */
  readonly acceptNew?: boolean;
  /** Only this machine and hosts of the configuration, not whatever ssh_config or the name service knows. @default false */
  readonly onlyConfigured?: boolean;
  readonly abortSignal?: AbortSignal;
}

/**
 * Finds a machine by its name: in the worker's configuration, and else as `ssh` would. Nothing is connected yet. Throws
 * `HOST_UNKNOWN`, a `TaskFileError` for a configuration that cannot be, and what `fromSshConfig` throws.
 */
export async function openHost(name: string, options: OpenHostOptions): Promise<OpenedHost> {
  const configured = options.config.hosts.get(name);
  if (name === LOCAL_HOST) return openedLocally();
  if (configured === undefined && options.onlyConfigured === true) throw unknownHost(name, options.config);
  const { acceptNew, createSshHost, fromKnownHosts, fromSshConfig, mapRefusals, pinnedKey } =
    await import('@optio-ts/host-ssh');

  const secret = (reference: SecretReference | undefined, field: string) =>
    reference && (() => fetchSecret(reference, ['hosts', name, field], options));
  const passphrase = secret(configured?.passphrase, 'passphrase');
  const password = secret(configured?.password, 'password');
  const takesNew = options.acceptNew === true || configured?.acceptNew === true;
  const { ignored, ...found } = await fromSshConfig(configured?.ssh ?? name, {
    env: options.env,
    ...(takesNew && { acceptNew: true }),
    ...(options.config.sshConfig === undefined ? {} : { configFile: options.config.sshConfig }),
    ...(configured?.identityFile === undefined ? {} : { identityFile: configured.identityFile }),
    ...(passphrase && { passphrase }),
    ...(password && { password }),
    ...(options.abortSignal && { abortSignal: options.abortSignal }),
  }).catch((error: unknown) => {
    if (!(error instanceof TypeError)) throw error;
    throw new WorkerError('HOST_UNKNOWN', `${JSON.stringify(name)} is no name of a host`, { cause: error });
  });

  let settings: CreateSshHostOptions = found;
  if (configured?.knownHosts !== undefined) {
    const path = configured.knownHosts;
    settings = { ...settings, hostKeys: takesNew ? acceptNew(path) : fromKnownHosts(path) };
  } else if (configured !== undefined && configured.hostKeys.length > 0) {
    try {
      settings = { ...settings, hostKeys: pinnedKey(...configured.hostKeys) };
    } catch (error) {
      throw options.config.problemAt(['hosts', name, 'hostKey'], messageOf(error));
    }
  }
  const remedy = `check the fingerprint: optio host check ${name} --accept-new writes the key down`;
  const withRemedy = (policy: HostKeyPolicy): HostKeyPolicy =>
    mapRefusals(policy, (refusal) => (refusal.isUnknown === true ? { ...refusal, remedy } : refusal));
  const host = createSshHost({
    ...settings,
    hostKeys: withRemedy(settings.hostKeys),
    ...(settings.jumps && {
      jumps: settings.jumps.map((jump) => ({ ...jump, hostKeys: withRemedy(jump.hostKeys) })),
    }),
  });
  return {
    name,
    host,
    hostKeys: settings.hostKeys.description,
    ignored,
    taskRoot: configured?.taskRoot,
    cacheDirectory: configured?.cacheDirectory,
    confine: configured?.confine,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

function openedLocally(): OpenedHost {
  const host = createLocalHost();
  return {
    name: LOCAL_HOST,
    host,
    hostKeys: undefined,
    ignored: [],
    taskRoot: undefined,
    cacheDirectory: undefined,
    confine: undefined,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

function unknownHost(name: string, config: WorkerConfig): WorkerError {
  const names = [LOCAL_HOST, ...config.hosts.keys()];
  const meant = suggest(name, names);
  return new WorkerError(
    'HOST_UNKNOWN',
    `the configuration ${config.path} has no host ${JSON.stringify(name)}; ${meant === undefined ? `it has ${names.join(', ')}` : `did you mean ${meant}?`}`,
  );
}

async function fetchSecret(
  reference: SecretReference,
  field: readonly string[],
  { config, env }: OpenHostOptions,
): Promise<string> {
  const secret = await resolveReference(reference, { env, directory: config.directory, keys: config.keys });
  if (!secret.isResolved) throw config.problemAt(field, secret.reason);
  return secret.value;
}
