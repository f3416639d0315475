import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { isSoak, startCampaign } from '@optio-ts/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { processesKnowing, startOptio } from './testing/start-optio.ts';
import type { RunningOptio } from './testing/start-optio.ts';

// Twenty rounds of a session each, on a machine that may be busy.
const CEILING_MS = isSoak ? 3_600_000 : 600_000;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-demo-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function demo(env: Readonly<Record<string, string>> = {}): RunningOptio {
  return startOptio([], { directory, program: 'demo/main.ts', env });
}

async function expectWhole(run: RunningOptio): Promise<void> {
  expect(await run.exited, run.stderr).toBe(0);
  expect(run.stdout).toContain('# Report');
  expect(run.stdout).toContain('# Second report');
  expect(run.stdout).toMatch(
    /first session {3}[0-9a-f]{24}\n {2}second session {2}[0-9a-f]{24}\n {2}seed +[0-9a-f]{24} \(encrypted\)/,
  );
}

async function list(path: string): Promise<string[]> {
  return readdir(join(directory, path)).catch(() => []);
}

/** No process, no task directory, no half-written file in cache or store. */
async function expectNothingLeft(where: string): Promise<void> {
  expect(await processesKnowing(directory), where).toEqual([]);
  expect(await list('.local/state/optio-opencode'), where).toEqual([]);
  for (const name of await list('cache')) {
    // Versions are published whole, by a rename. What is in the making, or locked, has a dot in front.
    expect(name, where).not.toMatch(/^\./);
    expect(await list(join('cache', name)), where).not.toEqual([]);
  }
  if (!(await list('.local/share/optio-demo')).includes('optio.db')) return;
  await using store = createSqliteStore(join(directory, '.local/share/optio-demo/optio.db'));
  expect(await store.sweep({ olderThanMs: 0 }), where).toMatchObject({ removedBlobs: 0 });
}

async function interrupt(run: RunningOptio, momentMs: number): Promise<string> {
  const press = setTimeout(() => run.kill('SIGINT'), momentMs);
  const exitCode = await run.exited;
  clearTimeout(press);
  const where = `Ctrl-C after ${momentMs.toFixed(0)} ms, exit ${exitCode}`;
  process.stdout.write(`${where}\n`);
  return `${where}\n${run.stderr}`;
}

describe('pnpm demo', { timeout: CEILING_MS }, () => {
  it('passes, also after a Ctrl-C at any moment, which leaves nothing behind', async () => {
    const campaign = startCampaign('Ctrl-C during the demo', { sample: 1, full: 20 });
    // The first half installs opencode into a cache of its own, and is interrupted while it does or soon after.
    const installing = Math.ceil(campaign.rounds / 2);
    for (let round = 0; round < installing; round += 1) {
      await rm(join(directory, 'cache'), { recursive: true, force: true });
      const run = demo({ OPENCODE_CACHE_DIR: join(directory, 'cache') });
      const where = await interrupt(run, campaign.random() * 8000);
      // 4: there is no network to install from, and so nothing to interrupt.
      expect([0, 3, 4, 'SIGINT'], where).toContain(await run.exited);
      await expectNothingLeft(where);
    }
    const startedAt = performance.now();
    await expectWhole(demo());
    const durationMs = performance.now() - startedAt;
    await expectNothingLeft('the demo after those that were interrupted');
    for (let round = installing; round < campaign.rounds; round += 1) {
      const run = demo();
      const where = await interrupt(run, campaign.random() * durationMs);
      expect([0, 3, 'SIGINT'], where).toContain(await run.exited);
      await expectNothingLeft(where);
    }
    if (installing === campaign.rounds) return;
    await expectWhole(demo());
    await expectNothingLeft('the last demo');
  });
});
