import { isAbsolute, join } from 'node:path';

/** Where the worker keeps what outlives a run. All absolute. */
export interface Places {
  /** The SQLite store: seeds, session documents, snapshots. */
  readonly store: string;
  /** The key that opens the store. Whoever loses it, loses the data. */
  readonly identity: string;
}

/** Options of `defaultPlaces`. */
export interface DefaultPlacesOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home directory. */
  readonly home: string;
}

/** The XDG places, as their specification has it: a variable that is not absolute counts as not set. */
export function defaultPlaces(options: DefaultPlacesOptions): Places {
  const directory = (variable: string, fallback: string): string => {
    const value = options.env[variable];
    return value !== undefined && isAbsolute(value) ? value : join(options.home, fallback);
  };
  return {
    store: join(directory('XDG_DATA_HOME', '.local/share'), 'optio', 'optio.db'),
    identity: join(directory('XDG_CONFIG_HOME', '.config'), 'optio', 'identity.txt'),
  };
}
