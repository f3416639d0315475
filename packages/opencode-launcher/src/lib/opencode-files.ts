import type { HostFile } from '@optio-ts/host-core';

import { checkConfigFields } from './check-config-fields.ts';
import { completeOpencodeConfig } from './opencode-config.ts';
import type { CompleteOpencodeConfigOptions, OpencodeConfig } from './opencode-config.ts';

/** Options of `opencodeFiles`. */
export interface OpencodeFilesOptions extends CompleteOpencodeConfigOptions {
  /** Version of the binary, as in `OpencodeBinary.version`. */
  readonly version: string;
  /** What the session is configured with. @default only the defaults of `completeOpencodeConfig` */
  readonly config?: OpencodeConfig;
  /** The configuration of the agent's home, which `config` goes before and a seed keeps. @default not written */
  readonly homeConfig?: OpencodeConfig;
  /** Logins by provider. @default not written */
  readonly login?: Readonly<Record<string, AuthEntry>>;
}

/** A login as opencode keeps it in `auth.json`. */
export type AuthEntry =
  | { readonly type: 'api'; readonly key: string }
  | {
      readonly type: 'oauth';
      readonly refresh: string;
      readonly access: string;
      /** Milliseconds since 1970. */
      readonly expires: number;
    }
  | { readonly type: 'wellknown'; readonly key: string; readonly token: string };

/**
 * The files that must be there before opencode starts, relative to the workdir: its configuration and what keeps it from
 * installing packages. For a caller who writes all files of a task in one trip; `launchOpencode` writes them otherwise.
 *
 * Throws `CONFIG_INVALID` for a field of `config` that opencode of this version does not have.
 */
export function opencodeFiles(options: OpencodeFilesOptions): HostFile[] {
  checkConfigFields(options.config ?? {}, options.version);
  const config = completeOpencodeConfig(options.config ?? {}, options);
  return [
    jsonFile('opencode.json', config),
    ...opencodeHomeFiles(options).map((file) => ({ ...file, path: `home/${file.path}` })),
  ];
}

/**
 * The part of `opencodeFiles` that belongs into the home, relative to it.
 *
 * Without these, every start installs `@opencode-ai/plugin` in the background: 94 MB, seconds of CPU, 70 s of waiting where
 * there is no network, and a first SIGTERM that is swallowed. opencode takes a lock file that names the version, and a
 * `node_modules` that exists, for an installation that is done.
 */
export function opencodeHomeFiles(options: OpencodeHomeFilesOptions): HostFile[] {
  const dependencies = { '@opencode-ai/plugin': options.version };
  const directory = '.config/opencode';
  const files: HostFile[] = [
    jsonFile(`${directory}/package.json`, { dependencies }),
    jsonFile(`${directory}/package-lock.json`, { lockfileVersion: 3, packages: { '': { dependencies } } }),
    { path: `${directory}/node_modules`, directory: true },
  ];
  if (options.homeConfig !== undefined) files.push(jsonFile(`${directory}/opencode.json`, options.homeConfig));
  if (options.login !== undefined) files.push(jsonFile('.local/share/opencode/auth.json', options.login));
  return files;
}

/** Options of `opencodeHomeFiles`. */
export type OpencodeHomeFilesOptions = Pick<OpencodeFilesOptions, 'version' | 'homeConfig' | 'login'>;

function jsonFile(path: string, content: unknown): HostFile {
  return { path, content: `${JSON.stringify(content, undefined, 2)}\n`, mode: 0o600 };
}
