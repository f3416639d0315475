import { Readable } from 'node:stream';
import { createGunzip, createGzip, gunzipSync, gzipSync } from 'node:zlib';

import { rawTar, tarEnd } from '@optio-ts/testkit';
import { extract as extractTar, pack as packTar, type Header } from 'tar-stream';
import { describe, expect, it } from 'vitest';

import { SeedEngineError } from './errors.ts';
import { filterSeedArchive } from './seed-archive.ts';
import { memberFilter } from './seed-members.ts';
import { noise, readAll, stream } from './testing/contract-case.ts';

const include = ['.local/share/opencode/auth.json', '.config/opencode/plugins'];

const isOurs = (error: unknown) => SeedEngineError.is(error);

type Member = Partial<Header> & { readonly name: string; readonly content?: string | Buffer };

async function archiveOf(...members: readonly Member[]): Promise<Buffer> {
  const pack = packTar();
  for (const { content, ...header } of members) pack.entry(header, content ?? '');
  pack.finalize();
  return readAll((pack as unknown as Readable).pipe(createGzip()));
}

async function membersOf(archive: Buffer): Promise<Record<string, { mode: number; content: string }>> {
  const extract = extractTar();
  Readable.from([archive])
    .pipe(createGunzip())
    .pipe(extract as never);
  const members: Record<string, { mode: number; content: string }> = {};
  for await (const entry of extract) {
    const content = String(await readAll(entry as never));
    members[entry.header.name] = { mode: entry.header.mode ?? 0, content };
  }
  return members;
}

async function filter(archive: Buffer, limits?: { maxBytes: number; maxMembers: number }) {
  const { content, members } = filterSeedArchive(stream(archive), include, limits);
  return { bytes: await readAll(content), members };
}

describe('filterSeedArchive', { timeout: 60_000 }, () => {
  it('takes what the manifest includes, under names without ./ and with private modes', async () => {
    const archive = await archiveOf(
      { name: './.local/share/opencode/auth.json', mode: 0o644, content: '{}' },
      { name: '.config/opencode/plugins/', type: 'directory', mode: 0o777 },
      { name: '.config/opencode/plugins/run.sh', mode: 0o4755, content: '#!' },
    );
    const { bytes, members } = await filter(archive);
    expect(await membersOf(bytes)).toEqual({
      '.local/share/opencode/auth.json': { mode: 0o600, content: '{}' },
      '.config/opencode/plugins': { mode: 0o700, content: '' },
      '.config/opencode/plugins/run.sh': { mode: 0o700, content: '#!' },
    });
    expect(members).toEqual({
      taken: ['.local/share/opencode/auth.json', '.config/opencode/plugins/run.sh'],
      skipped: [],
      sizeBytes: 4,
    });
  });

  it('refuses names that are not UTF-8, of which two would become one', async () => {
    const member = (byte: number) => {
      const name = Buffer.from('.config/opencode/plugins/?');
      return rawTar({ name: Buffer.concat([name.subarray(0, -1), Buffer.from([byte])]), content: 'x' });
    };
    const archive = gzipSync(Buffer.concat([member(0xe4), member(0xf6), tarEnd]));
    await expect(filter(archive)).rejects.toMatchObject({
      code: 'SEED_MALFORMED',
      message: expect.stringMatching(/plugins.*not UTF-8/),
    });
  });

  it('skips what the manifest does not include, whatever it is', async () => {
    const archive = await archiveOf(
      { name: '.ssh/authorized_keys', content: 'key' },
      { name: '.local/share/opencode/auth.json.bak', content: 'x' },
      { name: '.bashrc', type: 'symlink', linkname: '/etc/passwd' },
      { name: 'null', type: 'character-device' },
      { name: '.local/share/opencode/auth.json', content: '{}' },
    );
    const { bytes, members } = await filter(archive);
    expect(Object.keys(await membersOf(bytes))).toEqual(['.local/share/opencode/auth.json']);
    expect(members.skipped).toEqual(['.ssh/authorized_keys', '.local/share/opencode/auth.json.bak', '.bashrc', 'null']);
  });

  it.each<Member>([
    { name: '../auth.json' },
    { name: '/etc/passwd' },
    { name: '.config/opencode/plugins/../../../../x' },
    { name: '.config/opencode/plugins/a', type: 'symlink', linkname: '/etc/passwd' },
    { name: '.config/opencode/plugins/a', type: 'link', linkname: '.local/share/opencode/auth.json' },
    { name: '.config/opencode/plugins/a', type: 'symlink', linkname: '../../../../x' },
    { name: '.config/opencode/plugins/a', type: 'fifo' },
    { name: '.config/opencode/plugins/a', type: 'block-device' },
    { name: '.config\\..\\x' },
  ])('refuses $type $name', async (member) => {
    const reading = filter(await archiveOf(member));
    await expect(reading).rejects.toSatisfy(
      (error) =>
        SeedEngineError.is(error) &&
        error.code === 'SEED_MALFORMED' &&
        error.message.includes(JSON.stringify(member.name)),
    );
  });

  it('passes large members on whole', async () => {
    const content = noise(5_000_000);
    const archive = await archiveOf({ name: '.config/opencode/plugins/large', content });
    const { bytes } = await filter(archive);
    expect(gunzipSync(bytes).includes(content)).toBe(true);
  });

  it('takes an empty archive', async () => {
    const { bytes, members } = await filter(await archiveOf());
    expect(await membersOf(bytes)).toEqual({});
    expect(members.taken).toEqual([]);
  });

  it('refuses a bomb before it has unpacked it', async () => {
    const archive = await archiveOf({ name: '.config/opencode/plugins/zeros', content: Buffer.alloc(10_000_000) });
    expect(archive.length).toBeLessThan(20_000);
    await expect(filter(archive, { maxBytes: 1_000_000, maxMembers: 10 })).rejects.toThrow('more than 1000000 bytes');
    const many = await archiveOf(...Array.from({ length: 11 }, (_, index) => ({ name: `x${index}` })));
    await expect(filter(many, { maxBytes: 1_000_000, maxMembers: 10 })).rejects.toThrow('more than 10 members');
  });

  it('refuses what is cut short at any byte, and what is no archive', async () => {
    const archive = await archiveOf({ name: '.local/share/opencode/auth.json', content: noise(700) });
    for (let length = 0; length < archive.length; length += 7) {
      await expect(filter(archive.subarray(0, length)), String(length)).rejects.toSatisfy(isOurs);
    }
    await expect(filter(Buffer.from('no archive at all'))).rejects.toSatisfy(isOurs);
  });

  it('throws what its source throws', async () => {
    const failure = new Error('the store went away');
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield (await archiveOf({ name: 'a', content: noise(100_000) })).subarray(0, 5000);
      throw failure;
    }
    await expect(readAll(filterSeedArchive(broken(), include).content)).rejects.toBe(failure);
  });
});

describe('filterSeedArchive', { timeout: 60_000 }, () => {
  it('reads its source to the end, also behind the end of the archive', async () => {
    const failure = new Error('the digest is wrong');
    const archive = await archiveOf({ name: '.local/share/opencode/auth.json', content: 'x' });
    async function* tampered(): AsyncGenerator<Uint8Array> {
      yield archive;
      for (let index = 0; index < 50; index += 1) yield Buffer.alloc(65_536);
      throw failure;
    }
    await expect(readAll(filterSeedArchive(tampered(), include).content)).rejects.toBe(failure);
  });

  it('closes its source when it is left in the middle', async () => {
    const closed = Promise.withResolvers<void>();
    const archive = await archiveOf({ name: '.config/opencode/plugins/large', content: noise(3_000_000) });
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (let offset = 0; ; offset += 65_536) yield archive.subarray(offset, offset + 65_536);
      } finally {
        closed.resolve();
      }
    }
    for await (const chunk of filterSeedArchive(source(), include).content) if (chunk.length > 0) break;
    await closed.promise;
  });
});

describe('memberFilter', () => {
  const link = (name: string, linkname: string) => ({
    name: `.config/opencode/plugins/${name}`,
    type: 'symlink',
    linkname,
  });
  const file = (name: string) => ({ name: `.config/opencode/plugins/${name}`, type: 'file' });

  it('does not take a neighbour whose name only begins the same', () => {
    const decide = memberFilter(include);
    expect(decide({ name: '.config/opencode/plugins2/x', type: 'file' })).toEqual({ decision: 'skip' });
  });

  it.each(['x', './a/b', '../opencode.json', '../../../.npmrc', '../plugins'])('keeps a link to %s', (linkname) => {
    expect(memberFilter(include)(link('a', linkname)).decision).toBe('take');
  });

  it.each(['/etc/passwd', '../../../../x', 'a/../b', 'a/../../../../..', '..\\x', '', 'a\0b'])(
    'refuses a link to %j',
    (linkname) => {
      expect(memberFilter(include)(link('a', linkname)).decision).toBe('refuse');
    },
  );

  it('refuses a member below or on a link, and a link on a directory', () => {
    const decide = memberFilter(include);
    expect(decide(link('d', '..')).decision).toBe('take');
    expect(decide(file('d/x')).decision).toBe('refuse');
    expect(decide({ ...file('d'), type: 'directory' }).decision).toBe('refuse');
    expect(decide(file('e/x')).decision).toBe('take');
    expect(decide(link('e', 'f')).decision).toBe('refuse');
    expect(decide(link('.', 'f')).decision).toBe('refuse');
  });

  it('keeps a hard link to a file before it, and no other', () => {
    const decide = memberFilter(include);
    const target = '.config/opencode/plugins/a';
    expect(decide({ ...file('b'), type: 'link', linkname: target }).decision).toBe('refuse');
    decide(file('a'));
    expect(decide({ ...file('b'), type: 'link', linkname: `./${target}` })).toEqual({
      decision: 'take',
      member: { name: '.config/opencode/plugins/b', type: 'link', linkname: target },
    });
    decide(link('s', 'a'));
    expect(decide({ ...file('c'), type: 'link', linkname: '.config/opencode/plugins/s' }).decision).toBe('refuse');
    expect(decide({ ...file('c'), type: 'link', linkname: '/etc/shadow' }).decision).toBe('refuse');
  });
});
