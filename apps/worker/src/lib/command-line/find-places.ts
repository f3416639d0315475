import { resolve } from 'node:path';

import { loadConfig } from '../config/worker-config.ts';
import type { WorkerConfig } from '../config/worker-config.ts';
import { defaultPlaces, isMongoUrl } from '../places.ts';
import type { Places } from '../places.ts';
import { parseReference, resolveReference } from '../secret-reference.ts';

/** What the command line says of places. */
export interface FindPlacesOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Of `--store`. */
  readonly store: string | undefined;
  /** Of `--config`. */
  readonly config: string | undefined;
}

/**
 * Reads the worker's configuration and finds its store: what the command line says, else `OPTIO_STORE`, else the configuration,
 * else the XDG place. Throws a `TaskFileError`.
 */
export async function findPlaces(options: FindPlacesOptions): Promise<{ config: WorkerConfig; places: Places }> {
  const { cwd, env } = options;
  const { config: defaultConfig, ...defaults } = defaultPlaces(options);
  const named = options.config ?? nonEmpty(env['OPTIO_CONFIG']);
  const config = await loadConfig({ path: named === undefined ? defaultConfig : resolve(cwd, named), named, env });
  const said = options.store ?? nonEmpty(env['OPTIO_STORE']);
  const store = said === undefined ? await configuredStore(config, env) : placeOf(said, cwd);
  return {
    config,
    places: { ...defaults, store: store ?? defaults.store, identity: config.identity ?? defaults.identity },
  };
}

async function configuredStore(
  config: WorkerConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  if (config.store === undefined) return undefined;
  const reference = parseReference(config.store);
  let place = config.store;
  if (reference !== undefined) {
    const found = await resolveReference(reference, { env, directory: config.directory, keys: config.keys });
    if (!found.isResolved) throw config.problemAt(['store'], found.reason);
    place = found.value;
  }
  if (!isMongoUrl(place) && /^[a-z][a-z0-9+]*:\/\//i.test(place)) {
    throw config.problemAt(['store'], 'must be the path of a file or a mongodb:// URL');
  }
  const home = env['HOME'];
  return placeOf(place.startsWith('~/') && home !== undefined ? `${home}${place.slice(1)}` : place, config.directory);
}

function placeOf(place: string, directory: string): string {
  return isMongoUrl(place) ? place : resolve(directory, place);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
