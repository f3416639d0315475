import { acceptNewPolicy } from '../accept-new.ts';
import { knownHostsPolicy, mapRefusals, type HostKeyPolicy } from '../host-keys.ts';
import { defaultKnownHostsFiles, type KnownHostsFile } from '../known-hosts-files.ts';
import { configFailed } from './config-errors.ts';
import { expandPath, type Tokens } from './expand.ts';
import type { Hop } from './route.ts';
import { isYes, single, type ConfigSource } from './settings.ts';

/** What the options of one server are made from. */
export interface HopContext extends Hop {
  readonly tokens: Tokens;
  readonly source: ConfigSource;
}

/** The host key policy that the configuration asks for, as far as it is none that accepts what it does not know. */
export function hostKeysFrom(context: HopContext): {
  readonly policy: HostKeyPolicy;
  readonly ignored: readonly string[];
} {
  const { settings, facts } = context;
  const user = knownHostsFiles(context, 'userknownhostsfile');
  const global = knownHostsFiles(context, 'globalknownhostsfile');
  const files = [...user, ...global];
  const strict = single(settings, 'stricthostkeychecking') ?? 'ask';
  if (/^accept-new$/i.test(strict)) {
    const [first] = user;
    if (first === undefined) {
      throw configFailed(`StrictHostKeyChecking accept-new of ${facts.alias} needs a UserKnownHostsFile to write to`);
    }
    const hashNames = isYes(single(settings, 'hashknownhosts'));
    return { policy: acceptNewPolicy({ path: first.path, others: files.slice(1), hashNames }), ignored: [] };
  }
  if (/^(?:yes|true|ask)$/i.test(strict)) return { policy: knownHostsPolicy(files), ignored: [] };
  if (!/^(?:no|off|false)$/i.test(strict)) {
    throw configFailed(`StrictHostKeyChecking of ${facts.alias} is no value that OpenSSH knows: ${strict}`);
  }
  const reason = 'StrictHostKeyChecking no: host keys are always checked';
  // A refusal then says why the configuration's word is not enough.
  const policy = mapRefusals(knownHostsPolicy(files), (refusal) => ({
    ...refusal,
    reason: `${refusal.reason} (${reason})`,
  }));
  return { policy, ignored: [reason] };
}

function knownHostsFiles(context: HopContext, keyword: string): readonly KnownHostsFile[] {
  const { settings, facts, source, tokens } = context;
  const defaults = defaultKnownHostsFiles(source.home);
  const isUser = keyword === 'userknownhostsfile';
  const values = settings.get(keyword);
  if (values === undefined) return isUser ? defaults.user : defaults.global;
  if (values.length === 1 && values[0]?.toLowerCase() === 'none') return [];
  return values.map((value) => {
    let path: string;
    try {
      path = isUser ? expandPath(value, tokens, source) : value;
    } catch (error) {
      throw configFailed(`${value}, a known_hosts file of ${facts.alias}: ${(error as Error).message}`);
    }
    const isDefault = [...defaults.user, ...defaults.global].some((file) => file.path === path);
    // A file that somebody named and that is not there may be a slip, and may have held revoked keys.
    return { path, isOptional: isDefault };
  });
}
