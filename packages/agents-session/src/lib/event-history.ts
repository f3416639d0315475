/** One event that is kept, with its place in the whole row. */
export interface HistoryEntry<Event> {
  /** Counts every event from 0, also those that are no longer kept. */
  readonly sequence: number;
  readonly event: Event;
  readonly weight: number;
}

/** Options of `EventHistory`. */
export interface EventHistoryOptions<Event> {
  /** Characters, roughly, that may be kept. */
  readonly limit: number;
  /** About how many characters an event takes. */
  readonly weigh: (event: Event) => number;
  /** Whether an event may go first when there are too many. */
  readonly isExpendable: (event: Event) => boolean;
}

/**
 * Events in order, of bounded size. When there are too many, the oldest expendable ones go first; only when what must be kept
 * alone is over twice the limit, the oldest of these go too. A reader sees from the sequence numbers how many it missed.
 */
export class EventHistory<Event> {
  readonly #options: EventHistoryOptions<Event>;
  #entries: HistoryEntry<Event>[] = [];
  #weight = 0;
  #nextSequence = 0;
  #shedAt: number;

  constructor(options: EventHistoryOptions<Event>) {
    this.#options = options;
    this.#shedAt = options.limit;
  }

  /** The sequence number of the event that comes next. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  push(event: Event): number {
    const entry = { sequence: this.#nextSequence, event, weight: this.#options.weigh(event) };
    this.#nextSequence += 1;
    this.#entries.push(entry);
    this.#weight += entry.weight;
    if (this.#weight > this.#shedAt) this.#shed();
    return entry.sequence;
  }

  /** The first event that is still kept, from `sequence` on. */
  from(sequence: number): HistoryEntry<Event> | undefined {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.sequence ?? Infinity) < sequence) low = middle + 1;
      else high = middle;
    }
    return this.#entries[low];
  }

  // Down to three quarters, so that the walk over all entries is paid for by many pushes.
  #shed(): void {
    const { limit, isExpendable } = this.#options;
    this.#drop((limit * 3) / 4, isExpendable);
    if (this.#weight > limit * 2) this.#drop((limit * 3) / 2, () => true);
    // Where all that is left must be kept, not for each event that comes.
    this.#shedAt = Math.max(limit, this.#weight + limit / 4);
  }

  #drop(target: number, canDrop: (event: Event) => boolean): void {
    const last = this.#entries.at(-1);
    this.#entries = this.#entries.filter((entry) => {
      if (this.#weight <= target || entry === last || !canDrop(entry.event)) return true;
      this.#weight -= entry.weight;
      return false;
    });
  }
}
