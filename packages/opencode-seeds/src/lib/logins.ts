import { isAddressKey, isObject } from './config.ts';
import type { JsonObject, JsonValue } from './config.ts';

/** One login of a home, without its secret. */
export interface OpencodeLogin {
  readonly provider: string;
  /** `api`, `oauth`, `wellknown`, or what a version to come calls it. */
  readonly type: string;
}

/** The logins of an `auth.json`, without their secrets. */
export function listLogins(auth: JsonObject | undefined): readonly OpencodeLogin[] {
  return Object.entries(auth ?? {}).flatMap(([provider, entry]) => {
    if (!isObject(entry)) return [];
    const { type } = entry;
    return [{ provider, type: typeof type === 'string' ? type : 'unknown' }];
  });
}

/** Whether using these logins changes them: the tokens of OAuth are good for one refresh each. */
export function hasRotatingLogin(auth: JsonObject | undefined): boolean {
  return Object.values(auth ?? {}).some(isRotating);
}

/** What a session's login is compared with. */
export interface LoginHistory {
  /** The logins that the session began with. */
  readonly base: JsonObject;
  /** Whether a login is one that the session had before: it comes from a backup, not from a server. */
  readonly isFormer: (provider: string, entry: JsonValue) => boolean;
}

/**
 * The logins of a seed with those that a session rotated; `undefined` when there is nothing to change.
 *
 * Only a login of OAuth that the session began with and that the seed still has is taken, and never where its requests go:
 * anything else in `auth.json` may be what a misled agent put there. Never an older one over a newer one: where the seed has changed as well, or the dates tell,
 * the one that is good for longer stays.
 */
export function mergeRotated(
  current: JsonObject,
  session: JsonObject,
  { base, isFormer }: LoginHistory,
): JsonObject | undefined {
  const rotated: Record<string, JsonValue> = {};
  for (const [provider, own] of Object.entries(session)) {
    const began = base[provider];
    const kept = current[provider];
    if (!isRotating(own) || !isRotating(began) || !isRotating(kept)) continue;
    const entry = withAddressOf(kept, own);
    if (isSame(entry, began) || isSame(entry, kept) || isFormer(provider, entry)) continue;
    const order = compareExpiry(entry, kept);
    const isNewer = isSame(kept, began) ? order !== 'before' : order === 'after';
    if (isNewer) rotated[provider] = entry;
  }
  return Object.keys(rotated).length === 0 ? undefined : { ...current, ...rotated };
}

/**
 * The logins of a home that came back from a snapshot, with those of its seed: the seed's own, unless the home's is good for
 * longer, which happens when it could not be written back.
 */
export function mergeResumed(home: JsonObject, seed: JsonObject): JsonObject {
  const merged: Record<string, JsonValue> = { ...home };
  for (const [provider, entry] of Object.entries(seed)) {
    const own = home[provider];
    const isOwnNewer = isRotating(own) && isRotating(entry) && compareExpiry(own, entry) === 'after';
    if (!isOwnNewer) merged[provider] = entry;
  }
  return merged;
}

/** Whether two values of JSON files are the same, in whatever order their keys are. */
export function isSame(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  return canonical(left) === canonical(right);
}

/** A value as a text that does not depend on the order of keys. */
export function canonical(value: JsonValue | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? '';
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}

/** A login that goes where another does: refreshing it gives new tokens, and no new address. */
function withAddressOf(kept: JsonObject, entry: JsonObject): JsonObject {
  const part = (login: JsonObject, isAddress: boolean): [string, JsonValue][] =>
    Object.entries(login).filter(([key]) => isAddressKey(key) === isAddress);
  return Object.fromEntries([...part(entry, false), ...part(kept, true)]);
}

type RotatingLogin = JsonObject & { readonly refresh: string };

function isRotating(entry: JsonValue | undefined): entry is RotatingLogin {
  return (
    isObject(entry) && entry['type'] === 'oauth' && typeof entry['refresh'] === 'string' && entry['refresh'] !== ''
  );
}

function compareExpiry(left: JsonObject, right: JsonObject): 'after' | 'before' | 'unknown' {
  const [first, second] = [left['expires'], right['expires']];
  // 0 is what some providers write that do not say.
  if (typeof first !== 'number' || typeof second !== 'number' || first <= 0 || second <= 0) return 'unknown';
  if (first === second) return 'unknown';
  return first > second ? 'after' : 'before';
}
