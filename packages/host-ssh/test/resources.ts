import { createHook } from 'node:async_hooks';

/** Watches what code of ours, and ssh2, leaves behind in this process. */
export interface ResourceWatch {
  /** Timers that are armed, also those that keep no process alive, with where they were made; and open sockets. */
  left(): readonly string[];
  stop(): void;
}

const ours = /packages\/host-(?:core|ssh)\/src\/lib\/(?!.*\.test\.ts)|node_modules\/ssh2\//;

/** Begins to watch. Sockets that are open already count as the test's own. */
export function watchResources(): ResourceWatch {
  const timers = new Map<number, string>();
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCPSocket')).length;
  const before = sockets();
  const hook = createHook({
    init(id, type) {
      if (type !== 'Timeout') return;
      const place = new Error().stack?.split('\n').find((line) => ours.test(line));
      if (place !== undefined) timers.set(id, place.trim());
    },
    destroy: (id) => void timers.delete(id),
  }).enable();
  return {
    left: () => [
      ...[...timers.values()].map((place) => `timer ${place}`),
      ...Array.from({ length: Math.max(0, sockets() - before) }, () => 'socket'),
    ],
    stop: () => void hook.disable(),
  };
}
