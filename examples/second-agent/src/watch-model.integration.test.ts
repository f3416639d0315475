import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost, startSupervised } from '@optio-ts/host-core';
import { expect, it } from 'vitest';

import { watchModel } from './watch-model.ts';

it("tells the last lines that are not pi's own in the order in which they came", async () => {
  await using host = createLocalHost();
  const directory = await mkdtemp(join(tmpdir(), 'optio-pi-notes-'));
  const command = [
    'sh',
    '-c',
    `i=0; while [ $i -lt 25 ]; do echo "note $i"; i=$((i + 1)); done; echo '{"type":"end"}'`,
  ];
  const agent = await startSupervised(host, { directory, command });
  const expected = Array.from({ length: 20 }, (_, index) => `note ${index + 5}`);
  expect((await watchModel(agent).outputTail()).split('\n')).toEqual(expected);
  await rm(directory, { recursive: true });
});
