import { messageOf } from './errors.ts';
import { decideIdle, INITIAL_IDLE_STATE } from './idle-policy.ts';
import type { AgentActivity, IdleAction } from './idle-policy.ts';

/** Options of `watchIdle`. */
export interface WatchIdleOptions {
  readonly activity: AsyncIterable<AgentActivity>;
  readonly limitMs: number;
  readonly canRemind: () => boolean;
  readonly act: (action: IdleAction) => void;
  /** Told when the agent's signal breaks off: from then on idleness goes unnoticed. */
  readonly onFailure: (message: string) => void;
  /** Ends the watch. */
  readonly abortSignal: AbortSignal;
}

/** Runs the idle policy on an agent's signal, until it ends or is aborted. Never rejects. */
export async function watchIdle(options: WatchIdleOptions): Promise<void> {
  const { activity, limitMs, canRemind, act, onFailure, abortSignal } = options;
  let state = INITIAL_IDLE_STATE;
  let timer: NodeJS.Timeout | undefined;
  const step = (input: AgentActivity | { readonly type: 'limit' }): void => {
    if (abortSignal.aborted) return;
    const decision = decideIdle(state, input, canRemind());
    state = decision.state;
    if (decision.clock !== 'keep') clearTimeout(timer);
    if (decision.clock === 'start') timer = setTimeout(() => step({ type: 'limit' }), limitMs);
    if (decision.action !== undefined) act(decision.action);
  };
  let iterator: AsyncIterator<AgentActivity> | undefined;
  const leave = async (): Promise<unknown> => iterator?.return?.();
  const close = (): void => {
    clearTimeout(timer);
    // An iterator that waits for the agent's next word need not answer; nobody waits for it.
    leave().catch((error: unknown) => onFailure(messageOf(error)));
  };
  abortSignal.addEventListener('abort', close, { once: true });
  try {
    iterator = activity[Symbol.asyncIterator]();
    if (abortSignal.aborted) close();
    while (!abortSignal.aborted) {
      const next = await iterator.next();
      if (next.done === true) break;
      step(next.value);
    }
  } catch (error) {
    if (!abortSignal.aborted) onFailure(messageOf(error));
  }
}
