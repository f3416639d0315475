import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';

import { MAX_AGE_MS, parseDuration } from '../duration.ts';
import { parseReference } from '../secret-reference.ts';
import type { ConfiguredKey, SecretReference } from '../secret-reference.ts';
import type { TaskFileError } from '../task-file-problem.ts';
import type { FieldPath } from '../yaml-source.ts';
import type { HostFields } from './config-schema.ts';

/** A machine of the configuration. Its paths on this machine are absolute. */
export interface ConfiguredHost {
  readonly name: string;
  /** What one would write after `ssh`. */
  readonly ssh: string;
  /** Fingerprints or public keys; empty where known_hosts decides. */
  readonly hostKeys: readonly string[];
  readonly knownHosts: string | undefined;
  readonly acceptNew: boolean;
  readonly identityFile: string | undefined;
  readonly passphrase: SecretReference | undefined;
  readonly password: SecretReference | undefined;
  readonly taskRoot: string | undefined;
  readonly cacheDirectory: string | undefined;
  readonly confine: 'auto' | 'required' | 'off' | undefined;
}

/** The worker's configuration, checked. Nothing of it was looked up yet. */
export interface WorkerConfig {
  /** Absolute. */
  readonly path: string;
  /** Whether there is one. */
  readonly isThere: boolean;
  /** Absolute directory that its relative paths start from. */
  readonly directory: string;
  /** A path as it is written there, or a URL, or a reference to either; `undefined` for the default. */
  readonly store: string | undefined;
  /** Absolute. */
  readonly identity: string | undefined;
  /** Absolute; read as `ssh -F` does. */
  readonly sshConfig: string | undefined;
  /** What this machine is called: a session on it is taken up again by a worker of that name. */
  readonly machine: string;
  /** Absolute. */
  readonly deliverables: string | undefined;
  /** Milliseconds after which a worker removes what has ended; `undefined` keeps all of it. */
  readonly retentionMs: number | undefined;
  readonly hosts: ReadonlyMap<string, ConfiguredHost>;
  readonly keys: ReadonlyMap<string, ConfiguredKey>;
  /** Absolute paths of modules. */
  readonly hooks: ReadonlyMap<string, string>;
  /** Says that a field is wrong, for what is found out later. */
  problemAt(field: FieldPath, message: string): TaskFileError;
}

/** Where the configuration is. */
export interface LoadConfigOptions {
  /** Absolute. */
  readonly path: string;
  /** As the user named it; `undefined` for the default place, where there need not be one. */
  readonly named: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads and checks the worker's configuration. Throws a `TaskFileError` (`CONFIG_INVALID`) with every problem there is. */
export async function loadConfig({ path, named, env }: LoadConfigOptions): Promise<WorkerConfig> {
  const directory = dirname(path);
  if (named === undefined && !(await isThere(path))) return emptyConfig(path);
  // zod and the YAML parser are not needed by whoever has no configuration.
  const { readYamlFile } = await import('../read-yaml-file.ts');
  const { configFieldsAt, configSchema } = await import('./config-schema.ts');
  const { schemaProblems } = await import('../schema-problems.ts');
  const file = await readYamlFile(named ?? path, path, 'config');
  // An empty file says nothing, which is no mistake.
  const parsed = configSchema.safeParse(file.value ?? {});
  if (!parsed.success) throw file.problemsAt(schemaProblems(parsed.error.issues, configFieldsAt));

  const fields = parsed.data;
  const home = env['HOME'];
  const absolute = (text: string): string =>
    resolve(directory, text.startsWith('~/') && home !== undefined ? `${home}${text.slice(1)}` : text);
  const maybe = (text: string | undefined): string | undefined => (text === undefined ? undefined : absolute(text));
  const problemAt: WorkerConfig['problemAt'] = (field, message) => file.problemsAt([{ path: field, message }]);

  const keys = new Map<string, ConfiguredKey>();
  for (const [name, text] of Object.entries(fields.keys ?? {})) {
    const reference = parseReference(text);
    if (reference === undefined || reference.kind === 'key') {
      throw problemAt(['keys', name], 'must be env:NAME or file:PATH');
    }
    keys.set(name, { reference, directory });
  }
  const hosts = new Map<string, ConfiguredHost>();
  for (const [name, host] of Object.entries(fields.hosts ?? {})) {
    if (name === 'local') throw problemAt(['hosts', name], 'is this machine; choose another name');
    hosts.set(name, hostOf(name, host, maybe));
    if (host.hostKey !== undefined && (host.knownHosts !== undefined || host.acceptNew !== undefined)) {
      throw problemAt(['hosts', name, 'hostKey'], 'decides alone; leave knownHosts and acceptNew out');
    }
  }
  return {
    path,
    isThere: true,
    directory,
    store: fields.store,
    identity: maybe(fields.identity),
    sshConfig: maybe(fields.sshConfig),
    machine: fields.machine ?? hostname(),
    deliverables: maybe(fields.deliverables),
    retentionMs: fields.retention === undefined ? undefined : parseDuration(fields.retention, MAX_AGE_MS),
    hosts,
    keys,
    hooks: new Map(Object.entries(fields.hooks ?? {}).map(([name, module]) => [name, absolute(module)])),
    problemAt,
  };
}

function hostOf(
  name: string,
  fields: HostFields,
  absolute: (text: string | undefined) => string | undefined,
): ConfiguredHost {
  const secret = (text: string | undefined): SecretReference | undefined =>
    text === undefined ? undefined : parseReference(text);
  return {
    name,
    ssh: fields.ssh ?? name,
    hostKeys: [fields.hostKey ?? []].flat(),
    knownHosts: absolute(fields.knownHosts),
    acceptNew: fields.acceptNew ?? false,
    identityFile: absolute(fields.identityFile),
    passphrase: secret(fields.passphrase),
    password: secret(fields.password),
    taskRoot: fields.taskRoot,
    cacheDirectory: fields.cacheDirectory,
    confine: fields.confine,
  };
}

/** The configuration of somebody who has none. */
export function emptyConfig(path: string): WorkerConfig {
  return {
    path,
    isThere: false,
    directory: dirname(path),
    store: undefined,
    identity: undefined,
    sshConfig: undefined,
    machine: hostname(),
    deliverables: undefined,
    retentionMs: undefined,
    hosts: new Map(),
    keys: new Map(),
    hooks: new Map(),
    problemAt: () => {
      throw new Error('A configuration that is not there has no problems');
    },
  };
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    // What cannot be looked at is read, which says why it cannot be.
    return true;
  }
}
