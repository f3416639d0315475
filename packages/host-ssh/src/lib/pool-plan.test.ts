import { describe, expect, it } from 'vitest';

import { chooseConnection, needsSpareConnection, planMissing, planRefill, restMs } from './pool-plan.ts';
import type { Connection } from './pooled-connection.ts';

/** Only what the plans look at. */
function connection(facts: Partial<Omit<Connection, 'idle'>> & { readonly idle?: number } = {}): Connection {
  const { idle = 0, ...others } = facts;
  const usual = {
    limit: 10,
    isFragile: false,
    priming: 0,
    hasServed: true,
    isCounted: false,
    failures: 0,
    isResting: false,
    refusedSince: undefined,
    isLent: false,
    short: 0,
    long: 0,
    lastUsed: 0,
  };
  return { ...usual, ...others, idle: Array.from({ length: idle }), dialled: {} } as unknown as Connection;
}

const fragile = (facts: Parameters<typeof connection>[0] = {}): Connection =>
  connection({ isFragile: true, limit: 4, ...facts });

const most = 8;

describe('chooseConnection', () => {
  it('takes the first that has a shell', () => {
    const [none, one, two] = [connection(), connection({ idle: 1 }), connection({ idle: 2 })];
    expect(chooseConnection('short', [none, one, two], most)).toBe(one);
    expect(chooseConnection('short', [none], most)).toBeUndefined();
    expect(chooseConnection('connection', [none, one], most)).toBe(none);
  });

  it('keeps the last two sessions from what runs for long', () => {
    const [full, free] = [connection({ idle: 2, long: 8 }), connection({ idle: 1, long: 7 })];
    expect(chooseConnection('long', [full, free], most)).toBe(free);
    expect(chooseConnection('short', [full, free], most)).toBe(full);
  });

  it('keeps the last connection there may be from what runs for long, where each has one session', () => {
    const [held, free] = [connection({ limit: 1, long: 1 }), connection({ limit: 1, idle: 1 })];
    expect(chooseConnection('long', [held, free], 2)).toBeUndefined();
    expect(chooseConnection('short', [held, free], 2)).toBe(free);
    expect(chooseConnection('long', [held, free], 3)).toBe(free);
    expect(chooseConnection('long', [free], 1)).toBe(free);
  });

  it('uses a fragile connection up before the next', () => {
    const [many, few] = [fragile({ idle: 3 }), fragile({ idle: 1 })];
    expect(chooseConnection('short', [many, few], most)).toBe(few);
  });

  it('starts no command on a fragile connection while a shell is being opened', () => {
    expect(chooseConnection('short', [fragile({ idle: 3, priming: 1 })], most)).toBeUndefined();
    expect(chooseConnection('short', [connection({ idle: 3, priming: 1 })], most)).toBeDefined();
  });

  it('keeps what ends soon away from fragile connections with long commands, but for what ends others', () => {
    const held = fragile({ idle: 3, long: 1 });
    expect(chooseConnection('short', [held], most)).toBeUndefined();
    expect(chooseConnection('urgent', [held], most)).toBe(held);
    expect(chooseConnection('short', [held], 1)).toBe(held);
  });

  it('keeps one fragile connection for what ends soon', () => {
    const [held, free] = [fragile({ long: 4 }), fragile({ idle: 4 })];
    expect(chooseConnection('long', [held, free], 2)).toBeUndefined();
    expect(chooseConnection('long', [held, free], 3)).toBe(free);
  });
});

describe('planMissing', () => {
  it('opens on a new connection what the first commands of a session will want', () => {
    const fresh = connection({ hasServed: false });
    expect([...planMissing(['short'], [fresh], most).shells]).toEqual([[fresh, 6]]);
    expect([...planMissing(['short', 'short'], [fresh], most).shells]).toEqual([[fresh, 6]]);
    const small = connection({ hasServed: false, limit: 2 });
    expect([...planMissing(['short'], [small], most).shells]).toEqual([[small, 2]]);
    const unsure = fragile({ hasServed: false });
    expect([...planMissing(['short'], [unsure], most).shells]).toEqual([[unsure, 1]]);
  });

  it('opens a shell for each who waits, as far as there is room, and then connects', () => {
    const one = connection({ limit: 3, short: 1 });
    const plan = planMissing(['short', 'short', 'short'], [one], most);
    expect([...plan.shells]).toEqual([[one, 2]]);
    expect(plan).toMatchObject({ dial: 'usual', isCrowded: true });
  });

  it('counts what is on its way', () => {
    expect(planMissing(['short', 'long'], [connection({ priming: 2 })], most)).toEqual({
      shells: new Map(),
      dial: undefined,
      isCrowded: false,
    });
  });

  it('connects beyond the most for what ends others', () => {
    const full = connection({ limit: 1, long: 1 });
    expect(planMissing(['short', 'urgent', 'connection'], [full], 1).dial).toBe('urgent');
    expect(planMissing(['connection'], [], most).dial).toBe('usual');
  });

  it('opens nothing on a connection that rests after a shell has failed, and connects', () => {
    const resting = connection({ isResting: true, failures: 1 });
    expect(planMissing(['short'], [resting], most)).toMatchObject({ shells: new Map(), dial: 'usual' });
    const healthy = connection();
    expect([...planMissing(['short'], [resting, healthy], most).shells]).toEqual([[healthy, 1]]);
    expect([...planRefill([resting], 3, 0)]).toEqual([[resting, 0]]);
    // Those that are ready on it serve on.
    expect(chooseConnection('short', [connection({ isResting: true, idle: 1 })], most)).toBeDefined();
  });

  it('opens nothing on a fragile connection on which a command runs', () => {
    expect(planMissing(['short'], [fragile({ short: 1 })], most)).toMatchObject({ shells: new Map(), dial: 'usual' });
  });

  it('opens all of a fragile connection’s shells at once, after the first, and a second connection for the next time', () => {
    const fresh = fragile({ hasServed: false });
    expect([...planMissing(['short'], [fresh], most).shells]).toEqual([[fresh, 1]]);
    const [one, two] = [fragile(), fragile()];
    const alone = planMissing(['short', 'short'], [one], most);
    expect([...alone.shells]).toEqual([[one, 4]]);
    expect(alone.dial).toBe('usual');
    expect(planMissing(['short'], [one, two], most).dial).toBeUndefined();
  });
});

describe('planRefill', () => {
  const now = 1000;

  it('makes as many shells ready as are wanted, with some sessions left free', () => {
    const [one, two] = [connection({ idle: 1, priming: 1 }), connection({ limit: 2, short: 1 })];
    expect([...planRefill([one, two], 3, now)]).toEqual([
      [one, 1],
      [two, 0],
    ]);
  });

  it('gives a fragile connection its shells back when it rests, most are used up and nothing runs', () => {
    const lastUsed = now - restMs;
    const shells = (facts: Parameters<typeof connection>[0]): (number | undefined)[] => [
      ...planRefill([fragile(facts)], 3, now).values(),
    ];
    expect(shells({ idle: 2, lastUsed })).toEqual([2]);
    expect(shells({ idle: 3, lastUsed })).toEqual([]);
    expect(shells({ idle: 2, lastUsed: now - 1 })).toEqual([]);
    expect(shells({ idle: 2, lastUsed, short: 1 })).toEqual([0]);
  });

  it('does so at once for one that is used up while another serves', () => {
    const used = fragile({ lastUsed: now });
    expect([...planRefill([used, fragile({ idle: 4, lastUsed: now })], 3, now)]).toEqual([[used, 4]]);
    expect([...planRefill([used, fragile({ idle: 4, long: 1, lastUsed: now })], 3, now)]).toEqual([]);
  });
});

describe('needsSpareConnection', () => {
  it('is so when all there are have long commands that keep shells from being opened', () => {
    expect(needsSpareConnection([fragile({ long: 1 })])).toBe(true);
    expect(needsSpareConnection([fragile({ long: 1 }), fragile()])).toBe(false);
    expect(needsSpareConnection([connection({ long: 1 })])).toBe(false);
    expect(needsSpareConnection([])).toBe(false);
  });
});
