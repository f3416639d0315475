import { HostError } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import { acrossLink } from './across-link.ts';

describe('acrossLink', () => {
  const start = async (codes: readonly ('CONNECTION_LOST' | 'CONNECT_FAILED')[], isFirst: boolean) => {
    const told: string[] = [];
    const left = [...codes];
    const emit = (event: { readonly type: string }): void => void told.push(event.type);
    const { signal: abortSignal } = new AbortController();
    const run = async (): Promise<number> => {
      const code = left.shift();
      if (code !== undefined) throw new HostError(code, 'no link');
      return told.length;
    };
    return acrossLink({ emit, abortSignal }, run, { isFirst });
  };

  it('waits for a moment where a host was never reached, and for as long as ever where the link was lost', async () => {
    const unreached = ['CONNECT_FAILED', 'CONNECT_FAILED', 'CONNECT_FAILED'] as const;
    const found = await Promise.allSettled([
      start(unreached, true),
      start(unreached.slice(1), true),
      start(['CONNECTION_LOST', ...unreached], true),
      start(unreached, false),
    ]);
    expect(found).toEqual([
      { status: 'rejected', reason: expect.objectContaining({ code: 'CONNECT_FAILED' }) },
      ...[1, 1, 1].map((value) => ({ status: 'fulfilled', value })),
    ]);
  });
});
