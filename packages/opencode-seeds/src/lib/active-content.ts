import { isObject } from './config.ts';
import type { JsonObject, JsonValue } from './config.ts';

/** What a home holds, as far as it can run code or send traffic elsewhere. */
export interface HomeContent {
  readonly config: JsonObject | undefined;
  readonly auth: JsonObject | undefined;
  /** Files below the plugins directory, relative to the home. */
  readonly plugins: readonly string[];
}

/** Keys of opencode's configuration that name programs, or text that the model obeys. */
const activeKeys: Readonly<Record<string, string>> = {
  agent: 'instructions to the agent',
  command: 'a command',
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
 * Lists what of a home can run code, steer the agent or send its traffic elsewhere, by name and never by value. In a home that
 * an agent has used, any of it may be the work of a text that the agent read.
 */
export function findActiveContent(home: HomeContent): readonly string[] {
  const found = home.plugins.map((path) => `${path}: a plugin`);
  for (const [key, value] of Object.entries(home.config ?? {})) {
    const what = activeKeys[key];
    if (what !== undefined && !isEmpty(value)) found.push(`opencode.json ${key}: ${what}`);
  }
  const providers = home.config?.['provider'];
  for (const [name, provider] of Object.entries(isObject(providers) ? providers : {})) {
    if (!isObject(provider)) continue;
    const options = provider['options'];
    if (hasAddress(provider) || (isObject(options) && hasAddress(options))) {
      found.push(`opencode.json provider.${name}: an address for requests`);
    }
    if (!isEmpty(provider['npm'])) found.push(`opencode.json provider.${name}.npm: a package`);
  }
  for (const [name, entry] of Object.entries(home.auth ?? {})) {
    // A login of this kind fetches configuration, and a command to run, from its address.
    if (isObject(entry) && entry['type'] === 'wellknown') {
      found.push(`auth.json ${name}: a configuration from elsewhere`);
    }
  }
  return found.toSorted((a, b) => (a < b ? -1 : 1));
}

function hasAddress(value: JsonObject): boolean {
  return Object.keys(value).some((key) => /^(api|base_?url|endpoint|url)$/i.test(key));
}

function isEmpty(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
