import { wishFor } from './follow-plan.ts';
import { createFollower } from './follower.ts';
import type { Follower, FollowEntry, Found } from './follower.ts';
import type { Host } from './host.ts';

/** The answer to one request for a look. */
export interface Look {
  readonly found: Found;
  /** When it was asked for, by `performance.now()`. */
  readonly askedAt: number;
}

/** Something on a host that is looked at, in one go with what others look at there. */
export interface Watched {
  /** Asks for one look: at once, or that long after the last one. */
  request(pauseMs: number): void;
  /** Has no time any more: a pause that was asked for ends. */
  hurry(): void;
  /** The answer, once it is there, and once. Throws what has ended the looking. */
  take(): Look | undefined;
  /** Makes the next look begin anew, as it is introduced then. */
  restart(): void;
  /** Resolves when nothing is left of it on the host; the command there ends with the last one. Idempotent. */
  close(): Promise<void>;
}

/** Options of `watch`. */
export interface WatchOptions {
  /** The order that tells `followScript` what it is. Called right before a look. */
  readonly introduce: (id: number) => string;
  /** Called when there is something to take. */
  readonly onLook: () => void;
  /** @default the one that all share who watch over this host object */
  readonly follower?: Follower;
}

const followers = new WeakMap<Host, Follower>();
let lastId = 0;

/** Watches something on a host. One command there serves all that is watched over the same host object. */
export function watch(host: Host, { introduce, onLook, follower: given }: WatchOptions): Watched {
  let follower = given ?? sharedFollower(host);
  let look: Look | undefined;
  let failure: { readonly error: unknown } | undefined;
  let closing: Promise<void> | undefined;
  lastId += 1;
  const entry: FollowEntry = {
    id: lastId,
    introduce,
    onFound: (found) => {
      look = { found, askedAt: entry.askedAt };
      onLook();
    },
    onFailure: (error) => {
      failure = { error };
      onLook();
    },
    onMove: (other) => {
      follower = other;
    },
    wish: undefined,
    isIntroduced: false,
    askedAt: -Infinity,
  };
  follower.add(entry);
  return {
    request: (pauseMs) => {
      entry.wish = wishFor(pauseMs, entry.askedAt, performance.now());
      follower.plan();
    },
    hurry: () => {
      if (entry.wish === undefined) return;
      entry.wish = wishFor(0, 0, performance.now());
      follower.plan();
    },
    take: () => {
      if (failure !== undefined) throw failure.error;
      const taken = look;
      look = undefined;
      return taken;
    },
    restart: () => {
      entry.isIntroduced = false;
    },
    close: () => (closing ??= follower.remove(entry)),
  };
}

function sharedFollower(host: Host): Follower {
  const known = followers.get(host);
  if (known?.isOver === false) return known;
  const follower = createFollower(host);
  followers.set(host, follower);
  return follower;
}
