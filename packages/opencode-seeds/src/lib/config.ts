/** A value of a JSON file. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A JSON object: opencode's configuration, its logins. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Parses a JSON object; `undefined` for anything else, also for no text. */
export function parseObject(text: string | undefined): JsonObject | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as JsonValue;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The model a configuration names, as `provider/model`; `undefined` when it names none. */
export function modelOf(config: JsonObject | undefined): string | undefined {
  const model = config?.['model'];
  return typeof model === 'string' && model.trim() !== '' ? model : undefined;
}

/** A configuration with this model; every other key is kept. */
export function withModel(config: JsonObject | undefined, model: string): JsonObject {
  return { ...config, model };
}

/** How the files of a home are written: two spaces, as the original does. */
export function formatJson(value: JsonObject): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Whether logins are there: an object with at least one entry that is itself an object. */
export function hasLogin(auth: JsonObject | undefined): boolean {
  return auth !== undefined && Object.values(auth).some((entry) => isObject(entry));
}

/** Narrows a value to an object that is no array. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a key of a provider or of a login says where requests go, in any spelling. */
export function isAddressKey(key: string): boolean {
  return /^api$|(?:url|uri|endpoint|domain|host)$/i.test(key);
}
