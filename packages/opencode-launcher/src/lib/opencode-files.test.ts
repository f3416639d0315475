import { describe, expect, it } from 'vitest';

import { opencodeFiles, opencodeHomeFiles } from './opencode-files.ts';

function contentOf(files: ReturnType<typeof opencodeFiles>, path: string): unknown {
  const file = files.find((candidate) => candidate.path === path);
  return file !== undefined && 'content' in file && typeof file.content === 'string'
    ? JSON.parse(file.content)
    : undefined;
}

describe('opencodeFiles', () => {
  it('writes the completed configuration into the workdir and the rest below home', () => {
    const files = opencodeFiles({ version: '1.18.33', config: { model: 'a/b' } });
    expect(files.map((file) => file.path)).toEqual([
      'opencode.json',
      'home/.config/opencode/package.json',
      'home/.config/opencode/package-lock.json',
      'home/.config/opencode/node_modules',
    ]);
    expect(contentOf(files, 'opencode.json')).toMatchObject({
      model: 'a/b',
      share: 'disabled',
      permission: { question: 'deny' },
    });
  });

  it('leaves permissions to a person who is there', () => {
    expect(contentOf(opencodeFiles({ version: '1', isAttended: true }), 'opencode.json')).not.toHaveProperty(
      'permission',
    );
  });
});

describe('opencodeHomeFiles', () => {
  it('claims that the plugin package of this version is installed', () => {
    const files = opencodeHomeFiles({ version: '1.18.33' });
    const dependencies = { '@opencode-ai/plugin': '1.18.33' };
    expect(contentOf(files, '.config/opencode/package.json')).toEqual({ dependencies });
    expect(contentOf(files, '.config/opencode/package-lock.json')).toEqual({
      lockfileVersion: 3,
      packages: { '': { dependencies } },
    });
  });

  it('writes a login and a configuration of the home when they are given, for the owner only', () => {
    const files = opencodeHomeFiles({
      version: '1',
      homeConfig: { model: 'a/b' },
      login: { a: { type: 'api', key: 'k' } },
    });
    expect(contentOf(files, '.config/opencode/opencode.json')).toEqual({ model: 'a/b' });
    expect(contentOf(files, '.local/share/opencode/auth.json')).toEqual({ a: { type: 'api', key: 'k' } });
    expect(files.every((file) => !('content' in file) || file.mode === 0o600)).toBe(true);
  });
});
