import type { Dialled } from './dial.ts';

/**
 * Resolves when the server has answered something that was sent after all that came before; also when the link is lost. To take
 * back a forwarding that was never asked for changes nothing, and is answered in turn.
 */
export function barrier(dialled: Dialled): Promise<void> {
  return new Promise((resolve) => {
    if (dialled.isLost()) return resolve();
    void dialled.lost.then(() => resolve());
    try {
      dialled.client.unforwardIn('127.0.0.1', 1, () => resolve());
    } catch {
      // The connection is going down, and `lost` will say so.
    }
  });
}
