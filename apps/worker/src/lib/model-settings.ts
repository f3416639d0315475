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

// Providers that speak a protocol of their own: with another address they go on speaking it.
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
  if (baseUrl === undefined) return { model: id, homeConfig: base };
  const options = { baseURL: baseUrl };
  if (OWN_PROTOCOL.has(provider)) {
    return { model: id, homeConfig: { ...base, provider: { [provider]: { options } } } };
  }
  const entry = {
    npm: '@ai-sdk/openai-compatible',
    name: provider,
    options,
    models: { [name]: { name, tool_call: true } },
  };
  // Titles and summaries too: opencode knows no smaller model of a provider that is not in its list.
  return { model: id, homeConfig: { ...base, small_model: id, provider: { [provider]: entry } } };
}
