import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openDeliverableWriter, safeSegments } from './deliverable-writer.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-deliverables-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function* bytes(...parts: (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield Buffer.from(part);
  }
}

describe('openDeliverableWriter', () => {
  it('writes files below directories that it makes', async () => {
    const writer = await openDeliverableWriter(join(directory, 'new', 'out'));
    const path = await writer.save({ name: 'a/b/report.md', content: () => bytes('one ', 'two') });
    expect(path).toBe(join(directory, 'new/out/a/b/report.md'));
    expect(await readFile(path, 'utf8')).toBe('one two');
    expect(writer.pathOf('a/b/report.md')).toBe(path);
  });

  it('replaces what is delivered again, and names it once', async () => {
    const writer = await openDeliverableWriter(directory);
    await writer.save({ name: 'report.md', content: () => bytes('first') });
    await writer.save({ name: 'other.md', content: () => bytes('') });
    const path = await writer.save({ name: 'report.md', content: () => bytes('second') });
    expect(await readFile(path, 'utf8')).toBe('second');
    expect(writer.saved).toEqual([join(directory, 'report.md'), join(directory, 'other.md')]);
  });

  it('leaves neither half a file nor a changed one when the content breaks off', async () => {
    const writer = await openDeliverableWriter(directory);
    await writer.save({ name: 'report.md', content: () => bytes('whole') });
    const broken = writer.save({ name: 'report.md', content: () => bytes('ha', new Error('link lost')) });
    await expect(broken).rejects.toMatchObject({
      code: 'DELIVERABLE_NOT_SAVED',
      message: 'cannot save the deliverable report.md: link lost',
    });
    expect(await readdir(directory)).toEqual(['report.md']);
    expect(await readFile(join(directory, 'report.md'), 'utf8')).toBe('whole');
  });

  it('goes through no link', async () => {
    const outside = join(directory, 'outside');
    const out = join(directory, 'out');
    await mkdir(outside);
    await mkdir(out);
    await symlink(outside, join(out, 'link'));
    await writeFile(join(outside, 'target'), 'untouched');
    await symlink(join(outside, 'target'), join(out, 'file'));
    const writer = await openDeliverableWriter(out);
    await expect(writer.save({ name: 'link/x', content: () => bytes('x') })).rejects.toThrow('is in the way');
    await writer.save({ name: 'file', content: () => bytes('x') });
    expect(await readFile(join(outside, 'target'), 'utf8')).toBe('untouched');
    expect(await readdir(outside)).toEqual(['target']);
  });

  it('says when a file and a directory want the same name', async () => {
    const writer = await openDeliverableWriter(directory);
    await writer.save({ name: 'a', content: () => bytes('x') });
    await expect(writer.save({ name: 'a/b', content: () => bytes('x') })).rejects.toThrow('is in the way');
  });

  it('refuses a directory that cannot be written before any work is done', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(openDeliverableWriter(join(directory, 'file'))).rejects.toMatchObject({ code: 'OUTPUT_REFUSED' });
    await expect(openDeliverableWriter(join(directory, 'file', 'x'))).rejects.toMatchObject({ code: 'OUTPUT_REFUSED' });
    await chmod(directory, 0o700);
    await openDeliverableWriter(directory);
    expect(await readdir(directory)).toEqual(['file']);
  });
});

describe('safeSegments', () => {
  it.each(['report.md', 'a/b/c.txt', '.hidden', 'two  spaces.md', 'ünïcödé 東京.md', '...'])('takes %j', (name) => {
    expect(safeSegments(name).join('/')).toBe(name);
  });

  it.each([
    '',
    '/etc/passwd',
    '..',
    '../x',
    'a/../b',
    'a//b',
    'a/',
    './a',
    'a\nb',
    'a\u001b[2Jb',
    'a\0b',
    'a\u202eb',
    'a\rb',
    '.optio-1.part',
    'x'.repeat(201),
  ])('refuses %j', (name) => {
    expect(() => safeSegments(name)).toThrow(/name/);
  });
});
