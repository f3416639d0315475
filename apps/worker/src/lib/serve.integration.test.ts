import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { changeDocument, createSessionDocument, openKeyring, sessionCollection } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { startOptio } from './testing/start-optio.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-serve-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A store with a session that ended long ago, and a configuration that does not want it. */
async function keepOldSession(): Promise<void> {
  await mkdir(join(directory, '.config/optio'), { recursive: true });
  await writeFile(join(directory, '.config/optio/config.yaml'), 'retention: 30d\n');
  await using store = createSqliteStore(join(directory, '.local/share/optio/optio.db'));
  await openKeyring({ store, identityPath: join(directory, '.config/optio/identity.txt') });
  const place = { taskId: 'old', agent: 'opencode', runId: 'r', host: 'h', taskDirectory: '/tasks/old' };
  const { id } = await createSessionDocument(store, { ...place, ownerId: 'o', leaseMs: 1000, now: new Date(0) });
  await changeDocument(store, sessionCollection, id, (current) => ({ ...current, state: 'ended' }));
}

it('optio serve prints its link, serves the page that was built, refuses a taken port, and ends at Ctrl-C', async () => {
  await keepOldSession();
  const serve = startOptio(['serve'], { directory });
  await serve.printed(/whoever has it has the dashboard/);
  const link = new URL(serve.stdout.trim());
  expect(link.hash).toMatch(/^#token=[\w-]{43}$/);
  expect(await (await fetch(new URL('/page.js', link))).text()).toContain('optio-token');
  const hosts = await fetch(new URL('/api/hosts', link), {
    headers: { authorization: `Bearer ${link.hash.replace('#token=', '')}` },
  });
  expect(await hosts.json()).toEqual([{ name: 'local' }]);

  await serve.printed(/^removed what had ended and was old: 1$/m);

  const second = startOptio(['serve', '--port', link.port], { directory });
  expect(await second.exited).not.toBe(0);
  expect(second.stderr).toMatch(/^optio: cannot serve on port \d+: listen EADDRINUSE/m);
  expect(second.stdout).toBe('');

  serve.kill('SIGINT');
  expect(await serve.exited, serve.stderr).toBe(0);
});
