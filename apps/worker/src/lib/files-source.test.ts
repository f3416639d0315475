import { describe, expect, it } from 'vitest';

import { parseFilesSource } from './files-source.ts';

describe('parseFilesSource', () => {
  it.each([
    ['https://example.org/a.git', 'https://example.org/a.git', undefined],
    ['https://example.org/a.git#main', 'https://example.org/a.git', 'main'],
    ['ssh://git@example.org:22/a#v1.2.3', 'ssh://git@example.org:22/a', 'v1.2.3'],
    ['git@example.org:team/a.git#feature/x', 'git@example.org:team/a.git', 'feature/x'],
    [
      'file:///srv/a.git#0123456789abcdef0123456789abcdef01234567',
      'file:///srv/a.git',
      '0123456789abcdef0123456789abcdef01234567',
    ],
  ])('takes %s for a repository', (text, url, ref) => {
    expect(parseFilesSource(text)).toEqual({ source: { kind: 'git', url, ref } });
  });

  it.each(['.', './project', '/srv/project', 'a#b', 'C', '-x', 'notes: old'])('takes %j for a directory', (text) => {
    expect(parseFilesSource(text)).toEqual({ source: { kind: 'directory', path: text } });
  });

  it.each([
    'http://example.org/a.git',
    'git://example.org/a.git',
    'ext::sh -c touch% /tmp/x',
    'ftp://example.org/a',
    'https://token@example.org/a.git',
    'ssh://user:password@example.org/a.git',
    'https://',
    'https://example.org/a#--upload-pack=x',
    'https://example.org/a#a..b',
    'https://example.org/a#a:b',
    'https://example.org/a#',
    'https://example.org/a#x y',
  ])('refuses %j', (text) => {
    expect(parseFilesSource(text)).toEqual({ problem: expect.any(String) });
  });
});
