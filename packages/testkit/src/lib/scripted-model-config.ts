/** Name of the provider in `scriptedProviderConfig`, and of its login in `auth.json`. */
export const SCRIPTED_PROVIDER = 'scripted';

/** Name of its only model. */
export const SCRIPTED_MODEL = 'scripted-model';

/**
 * Variables that spare an opencode on a scripted model its catalogue of other models: 0.8 of the 2.7 seconds of CPU until its
 * first answer. It takes any JSON value for a catalogue, and one without members as an empty one. This number is on every Linux,
 * inside a confinement too.
 */
export const scriptedEnvironment: Readonly<Record<string, string>> = {
  OPENCODE_MODELS_PATH: '/proc/sys/kernel/pid_max',
};

/** Options of `scriptedProviderConfig`. */
export interface ScriptedProviderConfigOptions {
  /**
   * Written into the configuration. Leave it out where the key is a login: see `scriptedLogin`.
   * @default none
   */
  readonly apiKey?: string;
}

/** What an `opencode.json` needs to talk to a scripted model and to nothing else. `url` is that of `ScriptedModel`. */
export function scriptedProviderConfig(
  url: string,
  options: ScriptedProviderConfigOptions = {},
): ScriptedProviderConfig {
  const model = `${SCRIPTED_PROVIDER}/${SCRIPTED_MODEL}`;
  return {
    model,
    small_model: model,
    enabled_providers: [SCRIPTED_PROVIDER],
    provider: {
      [SCRIPTED_PROVIDER]: {
        npm: '@ai-sdk/openai-compatible',
        name: 'Scripted model',
        options: {
          baseURL: `${url}/v1`,
          ...(options.apiKey === undefined ? {} : { apiKey: options.apiKey }),
        },
        models: {
          [SCRIPTED_MODEL]: {
            name: 'Scripted model',
            tool_call: true,
            limit: { context: 200_000, output: 16_000 },
          },
        },
      },
    },
  };
}

/** The part of an opencode configuration that `scriptedProviderConfig` makes. */
export type ScriptedProviderConfig = {
  readonly model: string;
  readonly small_model: string;
  readonly enabled_providers: string[];
  readonly provider: Record<string, ScriptedProviderEntry>;
};

/** One entry of `provider` in an opencode configuration. */
export type ScriptedProviderEntry = {
  readonly npm: string;
  readonly name: string;
  readonly options: { readonly baseURL: string; readonly apiKey?: string };
  readonly models: Record<
    string,
    {
      readonly name: string;
      readonly tool_call: boolean;
      readonly limit: { context: number; output: number };
    }
  >;
};

/** The contents of an `auth.json` that logs opencode in to a scripted model that asks for this key. */
export function scriptedLogin(apiKey: string): Record<string, { type: 'api'; key: string }> {
  return { [SCRIPTED_PROVIDER]: { type: 'api', key: apiKey } };
}
