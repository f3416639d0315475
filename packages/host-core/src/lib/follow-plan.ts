/** When somebody wants to know more of a file. */
export interface LookWish {
  /** May be looked at from then on, together with others. */
  readonly earliestAt: number;
  /** Is looked at then at the latest. */
  readonly dueAt: number;
}

/**
 * The wish for a look `pauseMs` after the last one. That was asked for at `askedAt`, and its answer was dealt with `now`.
 *
 * From asking to asking: so a link adds nothing as long as its round trip is shorter than the pause. A quarter of the pause is
 * left in any case to a host that takes long to answer.
 */
export function wishFor(pauseMs: number, askedAt: number, now: number): LookWish {
  const dueAt = pauseMs === 0 ? now : Math.max(askedAt + pauseMs, now + pauseMs / 4);
  return { earliestAt: dueAt - pauseMs / 2, dueAt };
}

/** What to look at in the next look, and how long that has time: the most urgent one takes along all that may come. */
export interface LookPlan {
  /** 0 or less: now. `Infinity`: nobody wants anything. */
  readonly waitMs: number;
  /** What may be looked at now. */
  readonly ids: readonly number[];
}

/** Plans the next look. */
export function planLook(wishes: Iterable<readonly [id: number, wish: LookWish | undefined]>, now: number): LookPlan {
  let dueAt = Infinity;
  const ids: number[] = [];
  for (const [id, wish] of wishes) {
    if (wish === undefined) continue;
    dueAt = Math.min(dueAt, wish.dueAt);
    if (wish.earliestAt <= now) ids.push(id);
  }
  return { waitMs: dueAt - now, ids };
}
