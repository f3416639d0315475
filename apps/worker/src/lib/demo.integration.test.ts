import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startCampaign } from '@optio-ts/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { processesKnowing, startOptio } from './testing/start-optio.ts';
import type { RunningOptio } from './testing/start-optio.ts';

// Twenty rounds of a session each, on a machine that may be busy.
const CEILING_MS = process.env['OPTIO_SOAK'] === undefined ? 600_000 : 3_600_000;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-demo-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function demo(): RunningOptio {
  return startOptio([], { directory, program: 'demo/main.ts' });
}

async function expectWhole(run: RunningOptio): Promise<void> {
  expect(await run.exited, run.stderr).toBe(0);
  expect(run.stdout).toContain('# Report');
  expect(run.stdout).toContain('# Second report');
  expect(run.stdout).toMatch(
    /first session {3}[0-9a-f]{24}\n {2}second session {2}[0-9a-f]{24}\n {2}seed +[0-9a-f]{24} \(encrypted\)/,
  );
}

describe('pnpm demo', { timeout: CEILING_MS }, () => {
  it('passes, also after a Ctrl-C at any moment, which leaves nothing behind', async () => {
    const campaign = startCampaign('Ctrl-C during the demo', { sample: 1, full: 20 });
    const startedAt = performance.now();
    await expectWhole(demo());
    const durationMs = performance.now() - startedAt;
    for (let round = 0; round < campaign.rounds; round += 1) {
      const run = demo();
      const press = setTimeout(() => run.kill('SIGINT'), campaign.random() * durationMs);
      const exitCode = await run.exited;
      clearTimeout(press);
      expect([0, 3, 'SIGINT'], run.stderr).toContain(exitCode);
      expect(await processesKnowing(directory), run.stderr).toEqual([]);
      expect(await readdir(join(directory, '.local/state/optio-opencode')).catch(() => []), run.stderr).toEqual([]);
    }
    await expectWhole(demo());
  });
});
