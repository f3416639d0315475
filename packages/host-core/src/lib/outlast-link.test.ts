import { describe, expect, it, vi } from 'vitest';

import { HostError } from './errors.ts';
import { isLinkFault, outlastLink } from './outlast-link.ts';

const lost = (): HostError => new HostError('CONNECTION_LOST', 'the link was lost');

describe('isLinkFault', () => {
  it('looks behind the failure of a disposal that it brought about', async () => {
    const broken = async (): Promise<void> => {
      await using _ = { [Symbol.asyncDispose]: () => Promise.reject(new HostError('KILL_NOT_CONFIRMED', 'no link')) };
      throw lost();
    };
    const error = await broken().catch((caught: unknown) => caught);
    expect(HostError.is(error)).toBe(false);
    expect(isLinkFault(error)).toBe(true);
  });

  it('looks for the cause behind an error', () => {
    expect(isLinkFault(lost())).toBe(true);
    expect(isLinkFault(new HostError('KILL_NOT_CONFIRMED', 'not confirmed', { cause: lost() }))).toBe(true);
    expect(isLinkFault(new HostError('KILL_NOT_CONFIRMED', 'survivors'))).toBe(false);
    expect(isLinkFault(new HostError('DISPOSED', 'closed'))).toBe(false);
    expect(isLinkFault('text')).toBe(false);
  });
});

describe('outlastLink', () => {
  it('does it again when the link was lost, and nothing else', async () => {
    let runs = 0;
    const value = await outlastLink(async () => {
      runs += 1;
      if (runs === 1) throw lost();
      return 'done';
    });
    expect([value, runs]).toEqual(['done', 2]);
    await expect(outlastLink(() => Promise.reject(new TypeError('wrong')))).rejects.toThrow(TypeError);
  });

  it('counts the time without a link, and not what it had done by then', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      let runs = 0;
      const value = await outlastLink(async () => {
        runs += 1;
        if (runs > 1) return 'done';
        vi.advanceTimersByTime(600_000);
        throw lost();
      });
      expect([value, runs]).toEqual(['done', 2]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('throws the last failure when its time is over, or when it is told to end', async () => {
    const forever = (): Promise<never> => Promise.reject(lost());
    await expect(outlastLink(forever, { limitMs: 1 })).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    const ended = AbortSignal.abort();
    await expect(outlastLink(forever, { abortSignal: ended })).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });
});
