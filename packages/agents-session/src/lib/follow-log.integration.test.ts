import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost } from '@optio-ts/host-core';
import { expect, it } from 'vitest';

import { followLog } from './follow-log.ts';

it('reads no log of another task through a link that the agent has put in the place of its workdir', async (ctx) => {
  const root = mkdtempSync(join(tmpdir(), 'optio-log-'));
  ctx.onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'other/workdir'), { recursive: true });
  writeFileSync(join(root, 'other/workdir/optio.log'), 'DONE: of another\n');
  mkdirSync(join(root, 'task'));
  symlinkSync('../other/workdir', join(root, 'task/workdir'));
  await using host = createLocalHost();
  const lines: string[] = [];
  // As after a restart: what the agent did before is there from the beginning.
  await followLog({
    host,
    workdir: join(root, 'task/workdir'),
    from: { generation: 0, offset: 0 },
    until: Promise.resolve(),
    abortSignal: new AbortController().signal,
    reconnectLimitMs: 0,
    onLine: ({ line }) => {
      lines.push(line);
      return Promise.resolve(false);
    },
    onInterruption: () => undefined,
    onReplaced: () => undefined,
  });
  expect(lines).toEqual([]);
});
