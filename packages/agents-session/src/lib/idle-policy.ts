/** What an agent's own signal says about it. */
export type AgentActivity =
  /** It works. */
  | { readonly type: 'busy' }
  /** Its turn is over and nothing is queued. */
  | { readonly type: 'idle' }
  /**
   * Its turn ended with an error of the model. `isLasting`: another turn would end in the same way, as when there is no such model; then
   * the session fails at once, unless a person drives.
   */
  | { readonly type: 'failed'; readonly message: string; readonly isLasting?: boolean }
  /** It waits for a person: a permission, a question. */
  | { readonly type: 'waiting'; readonly reason: string }
  /** Whether a person drives the agent; while one does, idleness is nobody's concern. */
  | { readonly type: 'attended'; readonly isAttended: boolean };

/** Where the idle policy stands. */
export interface IdleState {
  /** What was done so far about an agent that does not go on. */
  readonly step: 'none' | 'reminded' | 'attention';
  readonly isIdle: boolean;
  readonly isAttended: boolean;
  /** The model's own words, when its turn failed. */
  readonly failure: string | undefined;
}

/** What to do now. */
export type IdleAction =
  | { readonly type: 'remind'; readonly failure: string | undefined }
  | { readonly type: 'attention'; readonly reason: string }
  | { readonly type: 'fail'; readonly message: string; readonly failure: string | undefined };

/** The next state, what to do, and whether the clock of `idleLimitMs` is to run from now (again). */
export interface IdleDecision {
  readonly state: IdleState;
  readonly action: IdleAction | undefined;
  readonly clock: 'start' | 'stop' | 'keep';
}

export const INITIAL_IDLE_STATE: IdleState = { step: 'none', isIdle: false, isAttended: false, failure: undefined };

/**
 * One step of the policy for an agent that stopped without DONE or ERROR: after each idle limit a reminder, then attention, then
 * the end, with the model's own message when there is one. A failure that lasts is the end at once.
 *
 * Work after a reminder does not win a second one: an agent that answers each reminder and stops again would cost for ever.
 * Attention starts over, since then a person may have helped. `canRemind` is false for agents that cannot be spoken to.
 */
export function decideIdle(
  state: IdleState,
  input: AgentActivity | { readonly type: 'limit' },
  canRemind: boolean,
): IdleDecision {
  switch (input.type) {
    case 'busy':
      return {
        state: { ...state, isIdle: false, failure: undefined, step: state.step === 'attention' ? 'none' : state.step },
        action: undefined,
        clock: 'stop',
      };
    case 'idle':
    case 'failed': {
      const failure = input.type === 'failed' ? input.message : state.failure;
      // Agents may say more than once that they are idle; the clock runs from the first time.
      const clock = state.isIdle || state.isAttended ? 'keep' : 'start';
      if (input.type === 'failed' && input.isLasting === true && !state.isAttended) {
        const action: IdleAction = { type: 'fail', message: describeFailure(input.message), failure };
        return { state: { ...state, isIdle: true, failure }, action, clock: 'stop' };
      }
      return { state: { ...state, isIdle: true, failure }, action: undefined, clock };
    }
    case 'waiting':
      return {
        state: { ...state, isIdle: false },
        action: state.isAttended ? undefined : { type: 'attention', reason: input.reason },
        clock: 'stop',
      };
    case 'attended':
      return {
        state: { ...state, isAttended: input.isAttended, step: input.isAttended ? 'none' : state.step },
        action: undefined,
        clock: input.isAttended ? 'stop' : state.isIdle ? 'start' : 'keep',
      };
    case 'limit':
      return decideLimit(state, canRemind);
    default:
      return input satisfies never;
  }
}

function decideLimit(state: IdleState, canRemind: boolean): IdleDecision {
  const { failure, step } = state;
  if (!state.isIdle || state.isAttended) return { state, action: undefined, clock: 'stop' };
  if (step === 'none' && canRemind) {
    return { state: { ...state, step: 'reminded' }, action: { type: 'remind', failure }, clock: 'start' };
  }
  const what = failure === undefined ? 'The agent stopped without DONE or ERROR' : describeFailure(failure);
  return step === 'attention'
    ? { state, action: { type: 'fail', message: what, failure }, clock: 'stop' }
    : { state: { ...state, step: 'attention' }, action: { type: 'attention', reason: what }, clock: 'start' };
}

function describeFailure(failure: string): string {
  return `The agent's model failed: ${failure}`;
}
