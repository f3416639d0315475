import type { JsonValue, OpencodeConfig } from '@optio-ts/opencode-launcher';

import type { StartOpencodeSessionOptions } from './options.ts';

type ToolOptions = Pick<StartOpencodeSessionOptions, 'allowedTools' | 'disallowedTools' | 'onQuestion'>;

/**
 * The task's configuration with the permissions that the options ask for: an allow-list denies every tool that it does not name,
 * what is disallowed is denied in any case, and a policy for questions gives the agent the tool to ask them.
 */
export function withToolRules(config: OpencodeConfig, options: ToolOptions): OpencodeConfig {
  const { allowedTools, disallowedTools = [], onQuestion } = options;
  const given = asRules(config['permission']);
  const questions = onQuestion === undefined ? {} : { question: 'allow' };
  // opencode reads rules in order, and the last one that fits wins.
  const rules: Record<string, JsonValue> =
    allowedTools === undefined
      ? { ...questions, ...given }
      : {
          '*': 'deny',
          ...questions,
          ...Object.fromEntries(allowedTools.map((tool) => [tool, given[tool] ?? 'allow'])),
        };
  for (const tool of disallowedTools) {
    delete rules[tool];
    rules[tool] = 'deny';
  }
  return Object.keys(rules).length === 0 ? config : { ...config, permission: rules };
}

function asRules(permission: JsonValue | undefined): Readonly<Record<string, JsonValue>> {
  // A single word stands for every permission.
  if (typeof permission === 'string') return { '*': permission };
  if (typeof permission !== 'object' || permission === null || Array.isArray(permission)) return {};
  return permission as OpencodeConfig;
}
