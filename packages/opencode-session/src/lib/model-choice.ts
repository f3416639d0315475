import type { JsonValue, OpencodeConfig, OpencodeModel } from '@optio-ts/opencode-launcher';

/** Where a session's model may be named, the strongest first. */
export interface ModelSources {
  /** The option of the session. */
  readonly model: string | undefined;
  readonly config: OpencodeConfig | undefined;
  readonly homeConfig: OpencodeConfig | undefined;
  /** What the seed was kept with. */
  readonly seedModel: string | undefined;
}

/** The model that a session will use, as `provider/model`; `undefined` when nobody named one. */
export function chooseModel({ model, config, homeConfig, seedModel }: ModelSources): string | undefined {
  return model ?? modelIn(config) ?? modelIn(homeConfig) ?? seedModel;
}

/**
 * The task's configuration with the model in it, and with no other provider than the model's and those that the caller
 * configures: without that, opencode falls back to a public service of its own, and the task's text goes there.
 */
export function withModel(
  config: OpencodeConfig | undefined,
  homeConfig: OpencodeConfig | undefined,
  model: string,
): OpencodeConfig {
  const providers = new Set([splitModel(model).providerId, ...providersIn(config), ...providersIn(homeConfig)]);
  return { enabled_providers: [...providers], ...config, model };
}

/** Takes `provider/model` apart. The model's own name may hold slashes. */
export function splitModel(model: string): OpencodeModel {
  const slash = model.indexOf('/');
  return { providerId: model.slice(0, slash), modelId: model.slice(slash + 1) };
}

function modelIn(config: OpencodeConfig | undefined): string | undefined {
  const model = config?.['model'];
  return typeof model === 'string' && model.includes('/') ? model : undefined;
}

function providersIn(config: OpencodeConfig | undefined): readonly string[] {
  const provider: JsonValue | undefined = config?.['provider'];
  return typeof provider === 'object' && provider !== null ? Object.keys(provider) : [];
}
