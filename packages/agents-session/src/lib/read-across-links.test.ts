import { HostError } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import { AgentSessionError } from './errors.ts';
import { readAcrossLinks } from './read-across-links.ts';

const lost = (): HostError => new HostError('CONNECTION_LOST', 'the link was lost');

describe('readAcrossLinks', () => {
  /** A file of which the first reading ends after so many bytes. */
  function breaking(first: string, at: number, then = first): () => AsyncGenerator<Uint8Array> {
    let opened = 0;
    return async function* open() {
      opened += 1;
      if (opened > 1) {
        for (const character of then) yield Buffer.from(character);
        return;
      }
      yield Buffer.from(first.slice(0, at));
      throw lost();
    };
  }
  const read = async (open: () => AsyncGenerator<Uint8Array>): Promise<string> =>
    Buffer.concat(await Array.fromAsync(readAcrossLinks(open, { path: 'a' }))).toString();

  it('hands on each byte once, wherever the link was lost', async () => {
    for (const at of [0, 1, 3, 5]) expect(await read(breaking('12345', at))).toBe('12345');
  });

  it('refuses a file that is another by then', async () => {
    const unreadable = { code: 'DELIVERABLE_UNREADABLE', message: expect.stringContaining('changed') as string };
    await expect(read(breaking('12345', 3, '12x45'))).rejects.toMatchObject(unreadable);
    await expect(read(breaking('12345', 3, '12'))).rejects.toMatchObject(unreadable);
  });

  it('passes on what is not the link', async () => {
    const open = async function* open(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('1');
      throw new AgentSessionError('DELIVERABLE_UNREADABLE', 'gone');
    };
    await expect(read(open)).rejects.toMatchObject({ code: 'DELIVERABLE_UNREADABLE', message: 'gone' });
  });
});
