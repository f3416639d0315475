import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { fetchFile } from './fetch-file.ts';
import { createLocalHost } from './local-host.ts';

it('fetchFile names the place that cannot be written, and leaves nothing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'optio-fetch-'));
  await using host = createLocalHost();
  try {
    writeFileSync(`${directory}/source`, 'content');
    mkdirSync(`${directory}/taken/inner`, { recursive: true });
    for (const target of [`${directory}/missing/file`, `${directory}/taken`]) {
      await expect(fetchFile(host, `${directory}/source`, target)).rejects.toMatchObject({
        code: 'WRITE_FAILED',
        message: expect.stringContaining(`Cannot write ${target} on this machine: E`),
      });
    }
    expect(readdirSync(directory).toSorted()).toEqual(['source', 'taken']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
