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

  it('waits for no host that was never reached, and for one whose link is lost', async () => {
    await expect(start(['CONNECT_FAILED'], true)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    expect(await start(['CONNECTION_LOST', 'CONNECT_FAILED'], true)).toBe(1);
    expect(await start(['CONNECT_FAILED'], false)).toBe(1);
  });
});
