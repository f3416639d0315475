export { acceptNew, fromKnownHosts, pinnedKey } from './lib/host-keys.ts';
export type { HostKeyCheck, HostKeyPolicy, HostKeyRefusal, HostKeyTarget } from './lib/host-keys.ts';
export type { KeyboardPrompt, SecretSource, SshAuthentication } from './lib/authentication.ts';
export { createSshHost } from './lib/create-ssh-host.ts';
export type { CreateSshHostOptions, SshEndpoint } from './lib/options.ts';
