import type { SshServer } from '@optio-ts/testkit';

import { pinnedKey } from '../src/index.ts';
import type { CreateSshHostOptions } from '../src/index.ts';

/** How to log in to a server of the tests, or to it through a link that listens on another port. */
export function loginTo(server: SshServer, through: { readonly port: number } = server): CreateSshHostOptions {
  return { ...server.login, port: through.port, hostKeys: pinnedKey(...server.fingerprints) };
}
