import type { OpencodeUi } from '@optio-ts/opencode-session';

import type { UpstreamLogin } from '../ui-proxy/filter-headers.ts';

/** opencode's interface, where this process reaches it. */
export interface ReachedInterface extends UpstreamLogin {
  /** Opens at the session. */
  readonly path: string;
}

/** The same, taken apart for a proxy. */
export function reachedInterface({ password, url, username }: OpencodeUi): ReachedInterface {
  const { port, pathname } = new URL(url);
  return { port: Number(port), username, password, path: pathname };
}
