import { configFailed, configUnsupported } from './config-errors.ts';
import { parseDestination, parseJumps } from './destination.ts';
import { expandTokens, jumpTokens, type TokenFacts } from './expand.ts';
import { single, type Destination, type SettingsQuestion, type SshSettings } from './settings.ts';

/** A server on the way, with what the configuration says of it. */
export interface Hop {
  readonly settings: SshSettings;
  readonly facts: TokenFacts;
}

/** More of them are taken for a circle. */
const maxHops = 16;

/**
 * The servers to go through and the destination itself, in order. Each jump is resolved through the configuration too: the
 * first of a list may have jumps of its own, the others are reached through the one before them, as `ssh -J` does.
 */
export async function resolveRoute(
  destination: Destination,
  ask: (question: SettingsQuestion) => Promise<SshSettings>,
): Promise<readonly Hop[]> {
  const route: Hop[] = [];
  let next: Destination | undefined = destination;
  let jumps: readonly string[] = [];
  while (next !== undefined) {
    if (route.length > maxHops) throw configFailed(`ProxyJump of ${destination.host} goes round in a circle`);
    const settings: SshSettings = await ask({ destination: next, jumps });
    const hop = { settings, facts: factsFrom(next, settings) };
    route.unshift(hop);
    const hops = jumpsOf(hop);
    jumps = hops.slice(0, -1);
    const last = hops.at(-1);
    next = last === undefined ? undefined : parseDestination(last);
  }
  return route;
}

function factsFrom(destination: Destination, settings: SshSettings): TokenFacts {
  const port = Number(single(settings, 'port'));
  const hostKeyAlias = single(settings, 'hostkeyalias');
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw configFailed(`Port of ${destination.host} is no port number: ${single(settings, 'port')}`);
  }
  return {
    alias: destination.host,
    host: single(settings, 'hostname') ?? destination.host,
    port,
    user: single(settings, 'user') ?? '',
    ...(hostKeyAlias === undefined ? {} : { hostKeyAlias }),
  };
}

function jumpsOf({ settings, facts }: Hop): readonly string[] {
  const command = single(settings, 'proxycommand');
  if (command !== undefined && command.toLowerCase() !== 'none') {
    throw configUnsupported(
      `ProxyCommand of ${facts.alias} is not supported: use ProxyJump, or give createSshHost the options of a jump host`,
    );
  }
  const value = single(settings, 'proxyjump') ?? 'none';
  let hops: readonly string[] | undefined;
  try {
    hops = parseJumps(expandTokens(value, jumpTokens(facts)));
  } catch (error) {
    throw configFailed(`ProxyJump of ${facts.alias}: ${(error as Error).message}`);
  }
  if (hops === undefined) throw configFailed(`ProxyJump of ${facts.alias} is no list of hosts: ${value}`);
  return hops;
}
