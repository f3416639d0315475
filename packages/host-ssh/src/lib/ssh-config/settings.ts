/** What a configuration says of one host: keywords in lower case, each with its values, as `ssh -G` prints them. */
export type SshSettings = ReadonlyMap<string, readonly string[]>;

/** A host that is asked for, as on the command line of `ssh`. */
export interface Destination {
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
}

/** Where the configuration is, and whose it is. */
export interface ConfigSource {
  /** Read instead of the user's and the system's files. */
  readonly configFile?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Who runs this program. */
  readonly localUser: string;
  /** That user's home as the system knows it: OpenSSH does not look at `HOME`. */
  readonly home: string;
}

/** What is asked of a configuration. */
export interface SettingsQuestion {
  readonly destination: Destination;
  /** Hops that were named elsewhere, in the place of the configuration's own. */
  readonly jumps: readonly string[];
}

/** The only value of a keyword that takes one. */
export function single(settings: SshSettings, keyword: string): string | undefined {
  return settings.get(keyword)?.[0];
}

/** `yes` in a file is `true` where `ssh` prints it. */
export function isYes(value: string | undefined): boolean {
  return value !== undefined && /^(?:yes|true|always)$/i.test(value);
}
