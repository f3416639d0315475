import { barrier } from './barrier.ts';
import type { Dialled } from './dial.ts';
import type { PrimedShell } from './primed-shell.ts';

/** A shell that was handed out, and what its command needs of the connection that it is on. */
export interface LeasedShell extends PrimedShell {
  /** Whether the connection was lost before the channel was closed. */
  readonly isLost: () => boolean;
  /** Resolves after the server has answered something that was sent after all that came before; also on a lost link. */
  barrier(): Promise<void>;
}

/** Hands a shell out. */
export function leaseShell(dialled: Dialled, shell: PrimedShell): LeasedShell {
  let isOver = false;
  void shell.closed.then(() => (isOver = !dialled.isLost()));
  return { ...shell, isLost: () => !isOver && dialled.isLost(), barrier: () => barrier(dialled) };
}
