import type { LogPosition } from './events.ts';

/** One line of the log on its way. */
export interface TrackedLine {
  /** Call it when the line needs no more work: `count` events had been emitted by then. */
  settle(count: number): void;
}

interface Mark {
  /** Where to go on when this line is done with. */
  position: LogPosition;
  /** Listeners must have handled this many events; `undefined` while the line is worked on. */
  count: number | undefined;
  /** How many lines it stands for. */
  lines: number;
}

/** More marks than this are thinned out: a listener may be a million lines behind. */
const MAX_MARKS = 1024;

/**
 * Knows up to where the log has been dealt with, in order: every line before that place is settled, and listeners have handled
 * the events that came from it. Starting there again loses nothing.
 */
export class OffsetTracker {
  readonly #marks: Mark[] = [];
  #thinAt = MAX_MARKS;
  /** A mark stands for so many lines at most. */
  #mostLines = 1;

  /** Takes up a line that is followed by `next`. */
  add(next: LogPosition): TrackedLine {
    const mark: Mark = { position: next, count: undefined, lines: 1 };
    this.#marks.push(mark);
    if (this.#marks.length > this.#thinAt) {
      this.#thin();
      // Those that are worked on stay: not to look at all of them for each line that comes.
      this.#thinAt = Math.max(MAX_MARKS, this.#marks.length * 2);
    }
    return {
      settle: (count) => {
        mark.count = count;
      },
    };
  }

  /** The newest safe position since the last call; `undefined` when it has not moved. */
  take(handled: number): LogPosition | undefined {
    let position: LogPosition | undefined;
    while (this.#marks[0]?.count !== undefined && this.#marks[0].count <= handled) {
      position = this.#marks.shift()?.position;
    }
    // The listener has caught up: there is room for each line again.
    if (this.#marks.length < MAX_MARKS / 16) this.#mostLines = 1;
    return position;
  }

  // All are thinned to the same distance: thinned by half again and again, the oldest would be far apart, and they are the next to be
  // saved.
  #thin(): void {
    this.#merge();
    if (this.#marks.length <= MAX_MARKS / 2) return;
    this.#mostLines *= 2;
    this.#merge();
  }

  // Two neighbours that only wait for listeners are as good as the later one, once the events of both are handled: those of the first
  // may be the later ones, where a hook was busy with it.
  #merge(): void {
    for (let index = this.#marks.length - 2; index >= 0; index -= 1) {
      const mark = this.#marks[index];
      const next = this.#marks[index + 1];
      if (mark?.count === undefined || next?.count === undefined || mark.lines + next.lines > this.#mostLines) continue;
      next.lines += mark.lines;
      next.count = Math.max(mark.count, next.count);
      this.#marks.splice(index, 1);
    }
  }
}
