import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { createFixture, failureOf } from '../../test/installer-fixture.ts';
import { checkVersion } from './check-version.ts';

async function write(home: string, text: string): Promise<string> {
  const path = join(home, 'program');
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

describe('checkVersion', () => {
  it('gives the program a home of its own that is gone afterwards, and keeps what it prints', async () => {
    await using fixture = await createFixture({ TMPDIR: '$HOME' });
    const { home, host } = fixture;
    const path = await write(home, `mkdir -p "$HOME/a" "$XDG_DATA_HOME/b"; echo "opencode 1.2.3 $HOME"`);
    const record = join(home, 'version');
    expect(await checkVersion(host, { path, record, home: join(home, 'trial') })).toBe('1.2.3');
    expect(await readFile(record, 'utf8')).toBe(`opencode 1.2.3 ${home}/trial\n`);
    expect(await checkVersion(host, { path })).toBe('1.2.3');
    expect((await readdir(home)).toSorted()).toEqual(['program', 'version']);
  });

  it('refuses a program that does not end, and ends it', async () => {
    await using fixture = await createFixture({ TMPDIR: '$HOME' });
    const { home, host } = fixture;
    const path = await write(home, 'sleep 1000');
    expect(await failureOf(checkVersion(host, { path, timeoutMs: 300 }))).toBe('BINARY_BROKEN');
    expect(await readdir(home)).toEqual(['program']);
  });

  it('refuses one that cannot be run at all, and says what the shell says', async () => {
    await using fixture = await createFixture();
    const failure = checkVersion(fixture.host, { path: join(fixture.home, 'missing') });
    await expect(failure).rejects.toMatchObject({
      code: 'BINARY_BROKEN',
      message: expect.stringContaining('not found'),
    });
  });
});
