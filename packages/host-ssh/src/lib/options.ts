import { parsePin, type HostKeyPolicy } from './host-keys.ts';
import type { SshAuthentication } from './ways-to-log-in.ts';

/** A server to log in to. */
export interface SshEndpoint {
  /** Name or address. */
  readonly host: string;
  /** @default 22 */
  readonly port?: number;
  readonly user: string;
  /** Tried in order until one is accepted. */
  readonly authentication: SshAuthentication | readonly SshAuthentication[];
  /** Which keys the server may show. Required: there is no lax default. */
  readonly hostKeys: HostKeyPolicy;
  /** Name and port under which the key is looked up, where they are not those connected to. @default host and port */
  readonly hostKeyAlias?: string;
}

/** Options of `createSshHost`. */
export interface CreateSshHostOptions extends SshEndpoint {
  /** Servers to go through, in order; each with its own login and its own host key check. @default none */
  readonly jumps?: readonly SshEndpoint[];
  /** Milliseconds for one connection to be made and logged in, each jump included, and for a shell to answer. @default 20000 */
  readonly connectTimeoutMs?: number;
  /** Milliseconds of silence after which the server is asked for a sign of life. @default 15000 */
  readonly keepaliveIntervalMs?: number;
  /** Unanswered questions after which the connection counts as lost. @default 3 */
  readonly keepaliveCount?: number;
  /** Connections at most at the same time: more than one is opened when a server's limit of sessions is reached. @default 8 */
  readonly maxConnections?: number;
}

/** An endpoint with all its defaults, checked. */
export interface ResolvedEndpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly authentication: readonly SshAuthentication[];
  readonly hostKeys: HostKeyPolicy;
  readonly keyName: { readonly host: string; readonly port: number };
  /** `alice@build-3`, with the port where it is not 22. */
  readonly description: string;
}

/** All options with their defaults, checked. */
export interface ResolvedOptions {
  /** Jumps first, the host itself last. */
  readonly route: readonly ResolvedEndpoint[];
  readonly description: string;
  readonly connectTimeoutMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveCount: number;
  readonly maxConnections: number;
}

/** Checks the options and fills in what is absent. Throws a `TypeError` for what can never work. */
export function resolveOptions(options: CreateSshHostOptions): ResolvedOptions {
  const route = [...(options.jumps ?? []), options].map(resolveEndpoint);
  return {
    route,
    description: (route.at(-1) as ResolvedEndpoint).description,
    connectTimeoutMs: atLeastOne(options.connectTimeoutMs ?? 20_000, 'connectTimeoutMs'),
    keepaliveIntervalMs: atLeastOne(options.keepaliveIntervalMs ?? 15_000, 'keepaliveIntervalMs'),
    keepaliveCount: atLeastOne(options.keepaliveCount ?? 3, 'keepaliveCount'),
    maxConnections: atLeastOne(options.maxConnections ?? 8, 'maxConnections'),
  };
}

function resolveEndpoint(endpoint: SshEndpoint): ResolvedEndpoint {
  const { host, port = 22, user, hostKeys } = endpoint;
  checkName(host, 'host');
  checkName(user, 'user');
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new TypeError('port must be a port number');
  if (typeof hostKeys?.open !== 'function') {
    throw new TypeError('hostKeys is required: fromKnownHosts(), pinnedKey(fingerprint) or acceptNew(path)');
  }
  if (endpoint.hostKeyAlias !== undefined) checkName(endpoint.hostKeyAlias, 'hostKeyAlias');
  const authentication = [endpoint.authentication ?? []].flat();
  if (authentication.length === 0) throw new TypeError('authentication needs at least one way to log in');
  authentication.forEach(checkWay);
  return {
    host,
    port,
    user,
    authentication,
    hostKeys,
    // As OpenSSH: an alias stands for itself, whatever the port.
    keyName: endpoint.hostKeyAlias === undefined ? { host, port } : { host: endpoint.hostKeyAlias, port: 22 },
    description: `${user}@${host}${port === 22 ? '' : `:${port}`}`,
  };
}

/** What a way to log in has to come with, beside its type. */
const needed: Readonly<Record<SshAuthentication['type'], string>> = {
  key: 'privateKey',
  'key-file': 'path',
  agent: 'socketPath',
  password: 'password',
  'keyboard-interactive': 'answer',
};

/** Options often come from a file, with nobody who checked their types. Values are not told: they may be secrets. */
function checkWay(way: SshAuthentication): void {
  const field = Object.hasOwn(needed, way?.type ?? '') ? needed[way.type] : undefined;
  if (field === undefined) {
    throw new TypeError(`The type of each way in authentication must be one of ${Object.keys(needed).join(', ')}`);
  }
  // Empty, as an environment variable may be, is missing as well; an empty password is one.
  const value = (way as unknown as Readonly<Record<string, unknown>>)[field];
  if (value === undefined || value === null || (value === '' && field !== 'password')) {
    throw new TypeError(`authentication of type ${way.type} needs ${field}`);
  }
  if (way.type === 'agent') way.keys?.forEach(parsePin);
}

/** Names end up in messages, in known_hosts lines and perhaps in an argv: no option, no white space, no control character. */
function checkName(name: unknown, what: string): void {
  if (typeof name !== 'string' || name === '') throw new TypeError(`${what} must be a name`);
  // A user may be alice@corp or CORP\alice; a host may be an IPv6 address with a zone.
  const plain = what === 'user' ? /^[^-\p{C}\p{Z}'"`$][^\p{C}\p{Z}'"`$]*$/u : /^[\p{L}\p{N}_:][\p{L}\p{N}_.:%-]*$/u;
  if (!plain.test(name)) throw new TypeError(`${what} is no name that can be: ${JSON.stringify(name)}`);
}

function atLeastOne(value: number, name: string): number {
  if (!(value >= 1)) throw new TypeError(`${name} must be at least 1`);
  return value;
}
