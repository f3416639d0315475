import { messageOf } from './errors.ts';
import type { LogPosition } from './events.ts';

/** Options of `createOffsetSaver`. */
export interface CreateOffsetSaverOptions {
  /** The newest safe position since the last call; `undefined` when it has not moved. */
  readonly take: () => LogPosition | undefined;
  readonly save: (position: LogPosition) => void | Promise<void>;
  readonly onFailure: (message: string) => void;
}

/** Hands positions to whoever keeps them: one call at a time, the newest wins. */
export interface OffsetSaver {
  /** Says that the position may have moved. */
  poke(): void;
  /** Resolves when everything up to now was saved. */
  flush(): Promise<void>;
}

/** Creates the saver of one session's log position. */
export function createOffsetSaver({ take, save, onFailure }: CreateOffsetSaverOptions): OffsetSaver {
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    // Lines that are settled in the same moment share one call.
    await Promise.resolve();
    for (let position = take(); position !== undefined; position = take()) {
      try {
        await save(position);
      } catch (error) {
        onFailure(messageOf(error));
      }
    }
    running = undefined;
  };
  const poke = (): void => {
    running ??= run();
  };
  return {
    poke,
    flush: async () => {
      poke();
      await running;
    },
  };
}
