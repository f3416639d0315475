/** What is known of a session, for the decision whether it goes. */
export interface PrunableSession {
  readonly id: string;
  readonly taskId: string;
  readonly isEnded: boolean;
  /** When it ended, or was last heard of. */
  readonly at: Date;
}

/** What there is, and what of it may go. */
export interface PlanPruneOptions {
  /** Of all tasks, the newest first. */
  readonly sessions: readonly PrunableSession[];
  /** Tasks that can be resumed, by their names. */
  readonly resumable: ReadonlySet<string>;
  /** Tasks that wait in the queue or are at work, by their names. */
  readonly queued: ReadonlySet<string>;
  /** What ended after this stays. @default nothing stays for its age */
  readonly endedBefore?: Date | undefined;
  /** So many of the newest that have ended stay. @default none stays for its place */
  readonly keep?: number | undefined;
  readonly now: Date;
}

/** What goes. */
export interface PrunePlan {
  readonly sessions: readonly PrunableSession[];
  /** Tasks of which no session is left, by their names. */
  readonly tasks: readonly string[];
  /** Old ones that stay, because a resume finds its way by them. */
  readonly keptForResume: readonly PrunableSession[];
}

/** Whoever ran a session may still write its last words. */
const LAST_WORDS_MS = 60_000;

/**
 * Decides which sessions go. What runs stays, and so does the newest session of a task that can be resumed, and all of a task in the queue,
 * whose worker looks at them. Pure.
 */
export function planPrune(options: PlanPruneOptions): PrunePlan {
  const { endedBefore, keep = 0, now, queued, resumable } = options;
  const limit = Math.min(endedBefore?.getTime() ?? Infinity, now.getTime() - LAST_WORDS_MS);
  const going: PrunableSession[] = [];
  const keptForResume: PrunableSession[] = [];
  const seen = new Set<string>();
  const left = new Set<string>();
  let ended = 0;
  for (const session of options.sessions) {
    const { at, isEnded, taskId } = session;
    const isNewest = !seen.has(taskId);
    seen.add(taskId);
    if (isEnded) ended += 1;
    const isOld = isEnded && ended > keep && at.getTime() < limit;
    if (isOld && !queued.has(taskId) && !(isNewest && resumable.has(taskId))) {
      going.push(session);
      continue;
    }
    if (isOld && !queued.has(taskId)) keptForResume.push(session);
    left.add(taskId);
  }
  const tasks = [...new Set(going.map(({ taskId }) => taskId))].filter((taskId) => !left.has(taskId));
  return { sessions: going, tasks, keptForResume };
}
