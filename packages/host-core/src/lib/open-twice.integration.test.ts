import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { createLocalHost } from './local-host.ts';
import { createRunId } from './run-id.ts';
import { openWorkspace } from './workspace.ts';

let base: string;
let root: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'optio-open-twice-')));
  root = join(base, 'root');
});
afterEach(() => rmSync(base, { recursive: true }));

it('is not emptied by a call of its run whose answer was lost, and which goes on after the next one', async () => {
  for (const name of ['a', 'b', 'workdir']) mkdirSync(join(root, 'a', name), { recursive: true });
  const [tools, blocked, go] = ['tools', 'blocked', 'go'].map((name) => join(base, name)) as [string, string, string];
  mkdirSync(tools);
  const rm = execFileSync('sh', ['-c', 'command -v rm'], { encoding: 'utf8' }).trim();
  writeFileSync(
    join(tools, 'rm'),
    `#!/bin/sh\ncase "$*" in *removed*) : >'${blocked}'; while ! [ -e '${go}' ]; do sleep 0.02; done ;; esac\nexec ${rm} "$@"\n`,
    { mode: 0o755 },
  );
  const opening = { taskId: 'a', taskRoot: root, runId: createRunId(), fresh: 'empty' } as const;
  await using host = createLocalHost();
  await using slow = createLocalHost({ env: { PATH: `${tools}:${process.env['PATH'] ?? ''}` } });
  const first = openWorkspace(slow, opening);
  const outcome = first.catch((error: unknown) => error);
  await expect.poll(() => existsSync(blocked)).toBe(true);
  const { workdir } = await openWorkspace(host, opening);
  writeFileSync(join(workdir, 'AGENTS.md'), 'task');
  writeFileSync(go, '');
  expect(await outcome).toMatchObject({ code: 'WRITE_FAILED', message: expect.stringContaining('another call') });
  expect(readdirSync(join(root, 'a')).toSorted()).toEqual(['control', 'tmp', 'workdir']);
  expect(readdirSync(workdir).toSorted()).toEqual(['AGENTS.md', 'home']);
  expect(readdirSync(join(root, 'a/control'))).toEqual(['owner']);
});
