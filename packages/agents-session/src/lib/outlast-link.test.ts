import { HostError } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import { AgentSessionError } from './errors.ts';
import { isLinkFault, outlastLink } from './outlast-link.ts';
import { readAcrossLinks } from './read-across-links.ts';

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

  it('throws the last failure when its time is over, or when it is told to end', async () => {
    const forever = (): Promise<never> => Promise.reject(lost());
    await expect(outlastLink(forever, { limitMs: 1 })).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    const ended = AbortSignal.abort();
    await expect(outlastLink(forever, { abortSignal: ended })).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });
});

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
