import type { Dialled } from './dial.ts';

type Waiting = Set<() => void>;

/** Who waits on a connection: each on its promise would stay there as long as the connection lives. */
const waitingOn = new WeakMap<Pick<Dialled, 'lost'>, Waiting>();

/**
 * Resolves when the server has answered something that was sent after all that came before; also when the link is lost. To take
 * back a forwarding that was never asked for changes nothing, and is answered in turn.
 */
export function barrier(dialled: BarrierConnection): Promise<void> {
  return new Promise((resolve) => {
    if (dialled.isLost()) return resolve();
    const waiting = waitingOn.get(dialled) ?? watchOver(dialled);
    const pass = (): void => {
      waiting.delete(pass);
      resolve();
    };
    waiting.add(pass);
    try {
      dialled.client.unforwardIn('127.0.0.1', 1, pass);
    } catch {
      // The connection is going down, and `lost` will say so.
    }
  });
}

/** What `barrier` needs of a connection. */
export interface BarrierConnection extends Pick<Dialled, 'lost' | 'isLost'> {
  readonly client: Pick<Dialled['client'], 'unforwardIn'>;
}

function watchOver(dialled: Pick<Dialled, 'lost'>): Waiting {
  const waiting: Waiting = new Set();
  waitingOn.set(dialled, waiting);
  void dialled.lost.then(() => {
    for (const pass of waiting) pass();
  });
  return waiting;
}
