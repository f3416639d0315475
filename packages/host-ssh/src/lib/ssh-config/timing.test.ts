import { describe, expect, it } from 'vitest';

import { timingFrom } from './timing.ts';

const of = (settings: Record<string, string>) =>
  timingFrom(new Map(Object.entries(settings).map(([keyword, value]) => [keyword, [value]])));

describe('timingFrom', () => {
  it('leaves the defaults of createSshHost where the configuration sets none, or means "for ever"', () => {
    expect(of({}).options).toEqual({ keepaliveCount: 3 });
    expect(of({ connecttimeout: 'none', serveraliveinterval: '0', serveralivecountmax: '0' })).toEqual({
      options: {},
      ignored: ['ServerAliveCountMax 0: a lost connection is always noticed'],
    });
  });

  it('reads times of both kinds', () => {
    expect(of({ connecttimeout: '90', serveraliveinterval: '1m30S', serveralivecountmax: '5' }).options).toEqual({
      connectTimeoutMs: 90_000,
      keepaliveIntervalMs: 90_000,
      keepaliveCount: 5,
    });
  });

  it.each([{ connecttimeout: 'soon' }, { serveraliveinterval: '5y' }, { serveralivecountmax: 'x' }])(
    'refuses %j',
    (bad) => {
      expect(() => of(bad as Record<string, string>)).toThrow(expect.objectContaining({ code: 'CONFIG_FAILED' }));
    },
  );
});
