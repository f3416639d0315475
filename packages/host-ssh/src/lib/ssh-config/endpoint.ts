import type { SshEndpoint } from '../options.ts';
import { configUnsupported } from './config-errors.ts';
import { pathTokens } from './expand.ts';
import { hostKeysFrom } from './host-keys-from.ts';
import { identitiesFrom, type SshConfigSecrets } from './identities.ts';
import { ignoredSettings } from './ignored-settings.ts';
import type { Hop } from './route.ts';
import { single, type ConfigSource } from './settings.ts';

/** A server as `createSshHost` takes it, and what of its configuration is not followed. */
export interface ConfiguredEndpoint {
  readonly endpoint: SshEndpoint;
  readonly ignored: readonly string[];
}

/** Makes the options of one server. Rejects with `CONFIG_UNSUPPORTED` where leaving a setting out would be weaker. */
export async function endpointFrom(
  { settings, facts }: Hop,
  source: ConfigSource,
  secrets: SshConfigSecrets,
): Promise<ConfiguredEndpoint> {
  for (const keyword of ['RevokedHostKeys', 'KnownHostsCommand']) {
    const value = single(settings, keyword.toLowerCase()) ?? 'none';
    if (value.toLowerCase() !== 'none') {
      throw configUnsupported(
        `${keyword} of ${facts.alias} is not supported, and keys would be accepted that it refuses`,
      );
    }
  }
  const tokens = pathTokens(facts, source);
  const hostKeys = hostKeysFrom({ settings, facts, tokens, source });
  const identities = await identitiesFrom({ settings, facts, tokens, source }, secrets);
  return {
    endpoint: {
      host: facts.host,
      port: facts.port,
      user: facts.user,
      authentication: identities.authentication,
      hostKeys: hostKeys.policy,
      ...(facts.hostKeyAlias === undefined ? {} : { hostKeyAlias: facts.hostKeyAlias }),
    },
    ignored: [...hostKeys.ignored, ...identities.ignored, ...ignoredSettings(settings)],
  };
}
