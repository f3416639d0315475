import { isSecretVariable } from '../config-secrets.ts';
import type { WorkerConfig } from '../config/worker-config.ts';
import { resolveReference } from '../secret-reference.ts';

/** What a process may know of secrets before it has a task. */
export interface Surroundings {
  readonly config: Pick<WorkerConfig, 'directory' | 'hosts' | 'keys'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly places: { readonly store: string };
}

/**
 * The secrets around a process: variables whose names say so, what the configuration refers to, and the password of the store's URL. A
 * reference that leads nowhere has no secret, and is told by whoever needs it.
 */
export async function surroundingSecrets({ config, env, places }: Surroundings): Promise<readonly string[]> {
  const variables = Object.entries(env).flatMap(([name, value]) => (isSecretVariable(name) && value ? [value] : []));
  const references = [
    ...Array.from(config.keys.values(), ({ reference }) => reference),
    ...Array.from(config.hosts.values(), ({ passphrase, password }) => [passphrase, password]).flat(),
  ].filter((reference) => reference !== undefined);
  const scope = { env, directory: config.directory, keys: config.keys };
  const found = await Promise.all(references.map((reference) => resolveReference(reference, scope)));
  const resolved = found.flatMap((secret) => (secret.isResolved ? [secret.value] : []));
  return [...variables, ...resolved, ...passwordOf(places.store)];
}

/** As it stands in a URL it is known by its place there; this is what it is when it was read. */
function passwordOf(url: string): readonly string[] {
  const [, password] = /^mongodb(?:\+srv)?:\/\/[^:@/]*:([^@/]*)@/.exec(url) ?? [];
  if (password === undefined) return [];
  try {
    return [decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
