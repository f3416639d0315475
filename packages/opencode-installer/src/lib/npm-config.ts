// oxlint-disable-next-line typescript/triple-slash-reference -- declarations cannot be imported; this takes them along wherever the source is read
/// <reference path="./npm-modules.d.ts" />

import Config from '@npmcli/config';
import npmDefinitions from '@npmcli/config/lib/definitions/index.js';

import { OpencodeInstallError } from './errors.ts';
import { findNpm } from './find-npm.ts';
import { describeFailure } from './redact.ts';

/** How npm's configuration is read. */
export interface NpmOptions {
  /**
   * The environment npm's configuration is read from: `HOME`, `PATH`, `PREFIX`, `npm_config_*`, the proxy variables, and
   * whatever an `.npmrc` names as `${NAME}`. It is not changed.
   *
   * @default process.env, the one place where this package reads it: that is what npm itself does
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * A directory whose `.npmrc` counts too, as if npm were run there.
   *
   * @default none: only the user's and the global configuration and the environment count, not what happens to lie in the
   *   current directory
   */
  readonly projectDirectory?: string;
}

/** npm's configuration as `npm-registry-fetch` takes it. Holds tokens: never print it. */
export type NpmSettings = Readonly<Record<string, unknown>>;

/**
 * Only these are read. npm's other settings mean nothing here, and two of them (`user-agent`, `omit`) would write to this
 * process's environment.
 */
const settings = [
  'ca',
  'cafile',
  'fetch-retries',
  'fetch-retry-factor',
  'fetch-retry-maxtimeout',
  'fetch-retry-mintimeout',
  'fetch-timeout',
  'global',
  'globalconfig',
  'https-proxy',
  'local-address',
  'location',
  'maxsockets',
  'noproxy',
  'offline',
  'prefix',
  'proxy',
  'registry',
  'replace-registry-host',
  'strict-ssl',
  'userconfig',
] as const;

// CommonJS whose names Node cannot see, so it is imported whole.
const { definitions, nerfDarts } = npmDefinitions;
const known = Object.fromEntries(settings.map((key) => [key, definitions[key]]));

/** Reads npm's configuration. Throws `NPM_CONFIG_INVALID` for one that npm itself would refuse. */
export async function loadNpmSettings(options: NpmOptions = {}): Promise<NpmSettings> {
  // A copy: loading writes to the environment that it is given.
  const env = { ...(options.env ?? process.env) };
  const { npmPath, execPath } = await findNpm(env['PATH'] ?? '');
  const config = new Config({
    definitions: known,
    shorthands: {},
    flatten,
    nerfDarts,
    npmPath,
    execPath,
    env,
    // In global mode the project's .npmrc is left out.
    argv: [execPath, 'npm', ...(options.projectDirectory === undefined ? ['--location', 'global'] : [])],
    cwd: options.projectDirectory ?? '/',
    warn: false,
  });
  try {
    await config.load();
    config.validate();
    return {
      ...withRetry(config),
      ...proxySettings(config.flat, options.env ?? process.env),
    };
  } catch (error) {
    throw new OpencodeInstallError('NPM_CONFIG_INVALID', `Cannot use npm's configuration: ${describeFailure(error)}`);
  }
}

function flatten(data: Readonly<Record<string, unknown>>, flat: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(data)) {
    const definition = known[key];
    if (definition?.flatten !== undefined) definition.flatten(key, data, flat);
    // Registries by scope, and credentials by registry, are taken over as they are.
    else if (/@.*:registry$/i.test(key) || key.startsWith('//')) flat[key] = value;
  }
}

/** npm waits 10 s and then 60 s before it says that there is no network. Who has set those times gets them, others do not. */
function withRetry(config: Config): Record<string, unknown> {
  const { flat } = config;
  const isDefault = ['fetch-retry-factor', 'fetch-retry-mintimeout', 'fetch-retry-maxtimeout'].every((key) =>
    config.isDefault(key),
  );
  if (!isDefault) return flat;
  const retry = { ...(flat['retry'] as object), factor: 2, minTimeout: 500, maxTimeout: 4000 };
  return { ...flat, retry };
}

/**
 * The library falls back to proxy variables of this process's environment as it was at import. So that `env` decides, its
 * variables are made explicit, by the library's own order.
 */
export function proxySettings(
  flat: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, unknown> {
  const variables = new Map<string, string>();
  for (const [key, value] of Object.entries(env)) {
    if (value !== undefined && value !== '') variables.set(key.toLowerCase(), value);
  }
  const { registry } = flat;
  const registryIsPlain = typeof registry === 'string' && registry.startsWith('http:');
  const proxy =
    flat['httpsProxy'] ??
    flat['proxy'] ??
    variables.get('https_proxy') ??
    (registryIsPlain ? (variables.get('http_proxy') ?? variables.get('proxy')) : undefined);
  const noProxy = flat['noProxy'] === '' || flat['noProxy'] === undefined ? variables.get('no_proxy') : flat['noProxy'];
  return {
    ...(proxy === undefined || proxy === null ? {} : { proxy, httpsProxy: proxy }),
    ...(noProxy === undefined ? {} : { noProxy }),
  };
}
