import { describe, expect, it } from 'vitest';

import { addParents } from './tar-parents.ts';
import type { TarMember } from './tar-writer.ts';

async function namesAndModes(members: readonly Pick<TarMember, 'type' | 'name' | 'mode'>[]): Promise<string[]> {
  const seen: string[] = [];
  for await (const { type, name, mode } of addParents(members.map((member) => ({ ...member, modifiedSeconds: 0 })))) {
    seen.push(`${type} ${name.toString('latin1')} ${mode.toString(8)}`);
  }
  return seen;
}

describe('addParents', () => {
  it('names each directory once, before what lies in it', async () => {
    const file = (name: string) => ({ type: 'file', name: Buffer.from(name), mode: 0o644 }) as const;
    expect(await namesAndModes([file('a'), file('b/c/d'), file('b/e')])).toEqual([
      'file a 644',
      'directory b 700',
      'directory b/c 700',
      'file b/c/d 644',
      'file b/e 644',
    ]);
  });

  it('leaves the mode of a directory to its member, wherever that stands', async () => {
    const members = [
      { type: 'directory', name: Buffer.from('a'), mode: 0o755 },
      { type: 'symlink', name: Buffer.from('a/b/c'), mode: 0o777 },
      { type: 'directory', name: Buffer.from('a/b'), mode: 0o750 },
    ] as const;
    expect(await namesAndModes(members)).toEqual([
      'directory a 755',
      'directory a/b 700',
      'symlink a/b/c 777',
      'directory a/b 750',
    ]);
  });

  it('takes names that are no UTF-8', async () => {
    const name = Buffer.from([0xff, 0x2f, 0xfe]);
    expect(await namesAndModes([{ type: 'file', name, mode: 0o600 }])).toEqual([
      'directory \u00FF 700',
      'file \u00FF/\u00FE 600',
    ]);
  });
});
