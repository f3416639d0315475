import type { JsonObject } from './model-settings.ts';
import { parseReference } from './secret-reference.ts';
import type { SecretReference } from './secret-reference.ts';
import type { JsonValue } from './task-file-schema.ts';
import type { FieldPath } from './yaml-source.ts';

/** A key that a configuration names, to become a login. */
interface ConfigKey {
  /** Within the configuration. */
  readonly path: FieldPath;
  readonly provider: string;
  readonly reference: SecretReference;
}

/** A configuration without its keys. */
export interface SeparatedConfig {
  readonly config: JsonObject;
  readonly keys: readonly ConfigKey[];
  /** Places where a secret stands as it is. */
  readonly problems: readonly { readonly path: FieldPath; readonly message: string }[];
}

/**
 * Takes the references out of `provider.<id>.options.apiKey` of an opencode configuration: they become logins, since the
 * configuration is a file that the agent's tools read. A secret that stands there as it is, is a problem.
 */
export function separateConfigSecrets(config: JsonObject): SeparatedConfig {
  const keys: ConfigKey[] = [];
  const problems: { path: FieldPath; message: string }[] = [];

  function clean(value: JsonValue, path: FieldPath): JsonValue {
    if (Array.isArray(value)) {
      return (value as readonly JsonValue[]).map((item, index) => clean(item, [...path, index]));
    }
    if (typeof value !== 'object' || value === null) return value;
    const kept: [string, JsonValue][] = [];
    for (const [name, child] of Object.entries(value)) {
      const childPath = [...path, name];
      const provider = providerOfKey(childPath);
      const reference = typeof child === 'string' ? parseReference(child) : undefined;
      if (provider !== undefined && reference !== undefined) {
        keys.push({ path: childPath, provider, reference });
      } else if (typeof child === 'string' && isSecretName(name) && !isSubstitution(child)) {
        problems.push({ path: childPath, message: adviceFor(provider) });
      } else kept.push([name, clean(child, childPath)]);
    }
    return Object.fromEntries(kept);
  }

  return { config: clean(config, []) as JsonObject, keys, problems };
}

/** Whether a variable of this name holds a secret by all custom: `GITHUB_TOKEN`, `API_KEY`, `DB_PASSWORD`. */
export function isSecretVariable(name: string): boolean {
  return /(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)$/i.test(name);
}

function isSecretName(name: string): boolean {
  return /^authorization$|^cookie$|(?:api[-_]?key|token|secret|password)$/i.test(name);
}

/** opencode replaces these by itself when it reads the configuration. */
function isSubstitution(text: string): boolean {
  return /\{(?:env|file):[^{}]+\}/.test(text);
}

function providerOfKey(path: FieldPath): string | undefined {
  const [section, provider, options, name] = path;
  const isKey = path.length === 4 && section === 'provider' && options === 'options' && name === 'apiKey';
  return isKey && typeof provider === 'string' ? provider : undefined;
}

function adviceFor(provider: string | undefined): string {
  return provider === undefined
    ? 'holds a secret as it is; name a variable under `env` (by reference) and write {env:NAME} here'
    : 'holds a key as it is; put it into an environment variable and write env:NAME, or into a file and write file:PATH';
}
