import { isAddressKey, isObject } from './config.ts';
import type { JsonObject, JsonValue } from './config.ts';
import { canonical } from './logins.ts';

/** What a home holds, as far as it can run code or send traffic elsewhere. */
export interface HomeContent {
  readonly config: JsonObject | undefined;
  readonly auth: JsonObject | undefined;
  /** Files and links below the plugins directory: their paths, relative to the home, with a digest of what they hold. */
  readonly plugins: ReadonlyMap<string, string>;
}

/** One thing in a home that can run code, steer the agent or send its traffic elsewhere. */
export interface ActiveItem {
  /** What it is, never what it says. */
  readonly name: string;
  /** Tells one value from another. */
  readonly fingerprint: string;
}

/** Keys of opencode's configuration that name programs, or text that the model obeys. */
const activeKeys: Readonly<Record<string, string>> = {
  agent: 'instructions to the agent',
  command: 'a command',
  enterprise: 'an address for requests',
  experimental: 'a program',
  formatter: 'a program',
  instructions: 'instructions to the agent',
  lsp: 'a program',
  mcp: 'an MCP server',
  mode: 'instructions to the agent',
  permission: 'a permission',
  plugin: 'a plugin',
  skills: 'instructions to the agent',
  tools: 'a tool setting',
};

/**
 * Lists what of a home can run code, steer the agent or send its traffic elsewhere. In a home that an agent has used, any of it may
 * be the work of a text that the agent read.
 */
export function findActiveContent(home: HomeContent): readonly ActiveItem[] {
  const found: ActiveItem[] = [];
  const add = (name: string, fingerprint: string): void => void found.push({ name, fingerprint });
  for (const [path, digest] of home.plugins) add(`${path}: a plugin`, digest);
  for (const [key, value] of Object.entries(home.config ?? {})) {
    const what = activeKeys[key];
    if (what !== undefined && !isEmpty(value)) add(`opencode.json ${key}: ${what}`, canonical(value));
  }
  const providers = home.config?.['provider'];
  for (const [name, provider] of Object.entries(isObject(providers) ? providers : {})) {
    if (!isObject(provider)) continue;
    if (hasKey(provider, isAddressKey)) {
      add(`opencode.json provider.${name}: an address for requests`, canonical(provider));
    }
    if (hasKey(provider, (key) => key === 'npm')) {
      add(`opencode.json provider.${name}.npm: a package`, canonical(provider));
    }
  }
  for (const [name, entry] of Object.entries(home.auth ?? {})) {
    // A login of this kind fetches configuration, and a command to run, from its address.
    if (isObject(entry) && entry['type'] === 'wellknown') {
      add(`auth.json ${name}: a configuration from elsewhere`, canonical(entry));
    }
    const addresses = Object.entries(isObject(entry) ? entry : {}).filter(([key]) => isAddressKey(key));
    if (addresses.length > 0) {
      // Not all of it: its tokens change with each refresh.
      add(`auth.json ${name}: an address for requests`, canonical(Object.fromEntries(addresses)));
    }
  }
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** What is not the same in the home that a session started from. */
export function newActiveContent(home: readonly ActiveItem[], before: readonly ActiveItem[]): readonly ActiveItem[] {
  const known = new Set(before.map(({ name, fingerprint }) => `${fingerprint} ${name}`));
  return home.filter(({ name, fingerprint }) => !known.has(`${fingerprint} ${name}`));
}

/** Whether there is such a key with something in it, at any depth: a model may have an address of its own. */
function hasKey(value: JsonValue, isMeant: (key: string) => boolean): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, item]) => (isMeant(key) && !isEmpty(item)) || hasKey(item, isMeant));
}

function isEmpty(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
