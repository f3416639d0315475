import type { JsonValue, TaskFileFields } from './task-file-schema.ts';

/** A JSON object. */
export type JsonObject = { readonly [field: string]: JsonValue };

/** How opencode knows a login: the shape of an entry of its `auth.json`. */
export interface ApiLogin {
  readonly type: 'api';
  readonly key: string;
}

/** What a task's `model` means for opencode. */
export interface ModelSettings {
  /** `provider/model`. */
  readonly model: string;
  /** Configuration of the agent's home: the model, its provider, and no other provider. */
  readonly homeConfig: JsonObject;
}

// Well-known providers with a protocol of their own, which they keep at another address.
const OWN_PROTOCOL: ReadonlySet<string> = new Set([
  'amazon-bedrock',
  'anthropic',
  'azure',
  'cohere',
  'google',
  'google-vertex',
  'google-vertex-anthropic',
  'groq',
  'mistral',
  'openai',
  'openrouter',
  'xai',
]);

/** Turns the `model` of a task file into opencode's configuration. The key is not part of it: keys are logins. */
export function modelSettings(model: NonNullable<TaskFileFields['model']>): ModelSettings {
  const { baseUrl, name, provider } = model;
  const id = `${provider}/${name}`;
  // Without `enabled_providers` opencode would also offer, and fall back to, what else it finds.
  const base = { model: id, enabled_providers: [provider] };
  const options = baseUrl === undefined ? {} : { options: { baseURL: baseUrl } };
  if (OWN_PROTOCOL.has(provider)) {
    // The entry adds a model that is newer than opencode's list, and changes nothing of one that is in it (measured).
    const entry = { ...options, models: { [name]: {} } };
    return { model: id, homeConfig: { ...base, provider: { [provider]: entry } } };
  }
  if (baseUrl === undefined) return { model: id, homeConfig: base };
  const entry = { npm: '@ai-sdk/openai-compatible', name: provider, ...options, models: { [name]: { name } } };
  // Titles and summaries too: opencode knows no smaller model of a provider that is not in its list.
  return { model: id, homeConfig: { ...base, small_model: id, provider: { [provider]: entry } } };
}
