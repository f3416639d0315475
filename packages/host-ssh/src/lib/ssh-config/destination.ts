import type { Destination } from './settings.ts';

/**
 * Reads `[user@]host[:port]`, with an IPv6 address in brackets, or `ssh://[user@]host[:port]`, as `ssh` reads its destination
 * and ProxyJump its hops. `undefined` for what is none. The last `@` counts: a user may be `alice@corp`.
 */
export function parseDestination(text: string): Destination | undefined {
  const match =
    /^(?:ssh:\/\/)?(?:(?<user>[^/]+)@)?(?:\[(?<address>[^\]@]+)\]|(?<host>[^@:[\]/]+)|(?<bare>[^@[\]/]*:[^@[\]/]*:[^@[\]/]*))(?::(?<port>\d{1,5}))?\/?$/i.exec(
      text,
    );
  const { user, address, host, bare, port } = match?.groups ?? {};
  const name = address ?? host ?? bare;
  if (name === undefined || name.startsWith('-') || user?.startsWith('-')) return undefined;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return undefined;
  return {
    host: name,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: Number(port) }),
  };
}

/** The hops of a ProxyJump line, in order. `undefined` where one is no destination. */
export function parseJumps(value: string): readonly string[] | undefined {
  if (value.toLowerCase() === 'none' || value === '') return [];
  const hops = value.split(',').map((hop) => hop.trim());
  return hops.every((hop) => parseDestination(hop) !== undefined) ? hops : undefined;
}
