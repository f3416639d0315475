/** What is known of a session that a worker left behind. */
export interface LeftSession {
  /** Where its document says that it is. */
  readonly state: 'starting' | 'live' | 'ending' | 'ended';
  /** Whose it is: this worker's, nobody's, or that of another worker which is alive. */
  readonly owner: 'ours' | 'nobody' | 'other';
  /**
   * Its task directory: still held for it, gone, held for another run by now, not to be found out (the host does not answer), or
   * not looked for yet.
   */
  readonly directory: 'held' | 'gone' | 'foreign' | 'unreachable' | 'unknown';
  /** Whether its agent runs on the host. */
  readonly isAgentRunning: boolean;
  /** Whether all that is to be kept of it is in the store already. */
  readonly isSaved: boolean;
}

/** What is done with a session that was left behind. */
export type RecoveryPlan =
  /** Nothing: another worker has it, or it has ended, or its host is out of reach. */
  | { readonly action: 'leave'; readonly reason: string }
  /** Its host is to be looked at first. */
  | { readonly action: 'look' }
  /** Its agent is followed from where its log was read to. */
  | { readonly action: 'adopt' }
  /** What it wrote last is heard, what is to be kept is taken from its directory, and the rest is removed. */
  | { readonly action: 'finish' }
  /** There is nothing to take: what is left of it is removed, and its end is written down. */
  | { readonly action: 'forget'; readonly reason: string };

/** Decides what becomes of a session that was left behind. */
export function planRecovery({ state, owner, directory, isAgentRunning, isSaved }: LeftSession): RecoveryPlan {
  if (state === 'ended') return { action: 'leave', reason: 'it has ended' };
  if (owner === 'other') return { action: 'leave', reason: 'another worker has it' };
  switch (directory) {
    case 'unknown':
      return { action: 'look' };
    case 'unreachable':
      return { action: 'leave', reason: 'its host is out of reach' };
    case 'gone':
      return { action: 'forget', reason: 'nothing of it is left on its host' };
    case 'foreign':
      return { action: 'forget', reason: 'another run has its directory' };
    case 'held':
      break;
    default:
      return directory satisfies never;
  }
  if (isSaved) return { action: 'forget', reason: 'all that is to be kept is safe' };
  // The agent is told its task once the document says live.
  if (state === 'starting') return { action: 'forget', reason: 'its agent had not begun' };
  return { action: isAgentRunning ? 'adopt' : 'finish' };
}
