import { isAbsolute, join } from 'node:path';

/** Where the worker keeps what outlives a run. */
export interface Places {
  /** The store, for seeds, session documents, snapshots: the absolute path of a SQLite file, or a `mongodb://` URL. Secret: a URL may hold a password. */
  readonly store: string;
  /** Absolute. The key that opens the store. Whoever loses it, loses the data. */
  readonly identity: string;
  /** Absolute directory for what sessions in the background print. */
  readonly logs: string;
}

/** Options of `defaultPlaces`. */
export interface DefaultPlacesOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home directory. */
  readonly home: string;
}

/** The XDG places, as their specification has it: a variable that is not absolute counts as not set. */
export function defaultPlaces(options: DefaultPlacesOptions): Places & { readonly config: string } {
  const directory = (variable: string, fallback: string): string => {
    const value = options.env[variable];
    return value !== undefined && isAbsolute(value) ? value : join(options.home, fallback);
  };
  return {
    store: join(directory('XDG_DATA_HOME', '.local/share'), 'optio', 'optio.db'),
    identity: join(directory('XDG_CONFIG_HOME', '.config'), 'optio', 'identity.txt'),
    config: join(directory('XDG_CONFIG_HOME', '.config'), 'optio', 'config.yaml'),
    logs: join(directory('XDG_STATE_HOME', '.local/state'), 'optio', 'logs'),
  };
}

/** Whether a store is a database of MongoDB, and not a file. */
export function isMongoUrl(store: string): boolean {
  return /^mongodb(?:\+srv)?:\/\//i.test(store);
}
