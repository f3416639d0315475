import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { startOptio } from './testing/start-optio.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-serve-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

it('optio serve prints its link, serves the page that was built, refuses a taken port, and ends at Ctrl-C', async () => {
  const serve = startOptio(['serve'], { directory });
  await serve.printed(/whoever has it has the dashboard/);
  const link = new URL(serve.stdout.trim());
  expect(link.hash).toMatch(/^#token=[\w-]{43}$/);
  expect(await (await fetch(new URL('/page.js', link))).text()).toContain('optio-token');
  const hosts = await fetch(new URL('/api/hosts', link), {
    headers: { authorization: `Bearer ${link.hash.replace('#token=', '')}` },
  });
  expect(await hosts.json()).toEqual([{ name: 'local' }]);

  const second = startOptio(['serve', '--port', link.port], { directory });
  expect(await second.exited).not.toBe(0);
  expect(second.stderr).toMatch(/^optio: cannot serve on port \d+: listen EADDRINUSE/m);
  expect(second.stdout).toBe('');

  serve.kill('SIGINT');
  expect(await serve.exited, serve.stderr).toBe(0);
});
