import { openUiProxy } from '../ui-proxy/open-ui-proxy.ts';
import type { UiProxy } from '../ui-proxy/open-ui-proxy.ts';
import type { Board } from './board.ts';
import type { InterfaceLinks } from './protocol.ts';
import type { ReachedInterface } from './reached-interface.ts';

/** Where the servers of sessions are. */
export interface ServerFinder {
  /** Finds the way to one. Throws `REFUSED` where there is none. */
  reach(sessionId: string): ReachedInterface | Promise<ReachedInterface>;
  /** Where it is now; `undefined` when it is not to be reached. */
  interfaceOf(sessionId: string): ReachedInterface | undefined;
}

/** Options of `createInterfaces`. */
export interface CreateInterfacesOptions {
  readonly board: Board;
  /** Origin of the dashboard. */
  readonly embedder: string;
}

/** opencode's own interfaces, each behind a proxy of its own. */
export interface Interfaces extends AsyncDisposable {
  /** Links for one visit. Throws `REFUSED` where there is nothing to visit. */
  visit(sessionId: string): Promise<InterfaceLinks>;
}

/**
 * Opens proxies as they are asked for. They stay until the dashboard ends, also when their session is over: a port that was given back
 * could become that of another session, and a browser would take both for the same place.
 */
export function createInterfaces(servers: ServerFinder, { board, embedder }: CreateInterfacesOptions): Interfaces {
  const proxies = new Map<string, Promise<UiProxy>>();
  return {
    async visit(sessionId) {
      const reached = await servers.reach(sessionId);
      let opening = proxies.get(sessionId);
      if (opening === undefined) {
        opening = openUiProxy({
          upstream: () => servers.interfaceOf(sessionId),
          embedder,
          onEventsLost: () =>
            board.change(sessionId, (view) => {
              const { detail } = view;
              return { ...view, detail: { ...detail, interfaceLosses: detail.interfaceLosses + 1 } };
            }),
        });
        proxies.set(sessionId, opening);
        // One that could not be opened is tried again.
        opening.catch(() => proxies.delete(sessionId));
      }
      const proxy = await opening;
      // Not a name of its own, such as <random>.localhost: for the dashboard's page that would be another site, where browsers give
      // frames neither storage nor this proxy's cookie (measured with Chromium 156); below one common name a cookie spreads again.
      const origin = `http://127.0.0.1:${proxy.port}`;
      return { enter: `${origin}${proxy.enter(reached.path)}`, leave: `${origin}${proxy.exit}` };
    },
    async [Symbol.asyncDispose]() {
      const opened = await Promise.allSettled(proxies.values());
      for (const proxy of opened) if (proxy.status === 'fulfilled') await proxy.value[Symbol.asyncDispose]();
    },
  };
}
