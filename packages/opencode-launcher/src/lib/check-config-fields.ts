import type { Config } from '@opencode-ai/sdk/v2/client';

import { OpencodeError } from './errors.ts';
import type { OpencodeConfig } from './opencode-config.ts';

/** The last opencode whose fields are known here: that of the SDK. A later one may have more. */
const KNOWN_UNTIL = [1, 19] as const;

/** Every field of that configuration; the compiler sees to it that none is missing. */
const KNOWN_FIELDS: Readonly<Record<keyof Config, true>> = {
  $schema: true,
  agent: true,
  attachment: true,
  autoshare: true,
  autoupdate: true,
  command: true,
  compaction: true,
  default_agent: true,
  disabled_providers: true,
  enabled_providers: true,
  enterprise: true,
  experimental: true,
  formatter: true,
  instructions: true,
  layout: true,
  logLevel: true,
  lsp: true,
  mcp: true,
  mode: true,
  model: true,
  permission: true,
  plugin: true,
  provider: true,
  reference: true,
  references: true,
  server: true,
  share: true,
  shell: true,
  skills: true,
  small_model: true,
  snapshot: true,
  subagent_depth: true,
  tool_output: true,
  tools: true,
  username: true,
  watcher: true,
};

/** Of the terminal interface: no longer read from this file, and harmless in it. */
const OLD_FIELDS: ReadonlySet<string> = new Set(['keybinds', 'theme', 'tui']);

/**
 * Refuses a field that opencode of this version does not have: it would ignore it, and a misspelt `permission` or `model` would
 * be noticed by what the agent does. Throws `CONFIG_INVALID`.
 */
export function checkConfigFields(config: OpencodeConfig, version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > KNOWN_UNTIL[0] || (major === KNOWN_UNTIL[0] && minor > KNOWN_UNTIL[1])) return;
  for (const field of Object.keys(config)) {
    if (Object.hasOwn(KNOWN_FIELDS, field) || OLD_FIELDS.has(field)) continue;
    const names = Object.keys(KNOWN_FIELDS);
    const known = [0, 1].flatMap((most) => names.filter((name) => lettersApart(name, field) <= most))[0];
    const hint = known === undefined ? 'remove it' : `did you mean ${JSON.stringify(known)}?`;
    const message = `opencode ${version} has no field ${JSON.stringify(field)} in its configuration: ${hint}`;
    throw new OpencodeError('CONFIG_INVALID', message);
  }
}

/** How many letters one word has that the other lacks, at most; case, order and underscores aside. */
function lettersApart(one: string, other: string): number {
  const letters = (word: string): string[] => word.toLowerCase().match(/[a-z]/g) ?? [];
  const without = (some: string[], taken: string[]): string[] => {
    const left = [...some];
    for (const letter of taken) if (left.includes(letter)) left.splice(left.indexOf(letter), 1);
    return left;
  };
  const [first, second] = [letters(one), letters(other)];
  return Math.max(without(first, second).length, without(second, first).length);
}
