// Ctrl-C at random moments of `pnpm demo`, from the first download to the last line.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { startCampaign } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const repository = join(import.meta.dirname, '../../..');
const LONGEST_DEMO_MS = 180_000;

let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'optio-demo-'));
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

/** A demo in a process group of its own, as a terminal would start it. */
function startDemo(): { readonly demo: ChildProcess; readonly output: () => string } {
  const demo = spawn('node', ['--conditions=@optio-ts/source', 'apps/worker/demo/main.ts'], {
    cwd: repository,
    detached: true,
    env: { ...environment(), HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  demo.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  demo.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  return { demo, output: () => output };
}

/** Ours, without what points to directories of the user who runs the tests. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:XDG_|OPENCODE|OPTIO|VITEST|NODE_OPTIONS)/.test(name)),
  );
}

async function exitOf(demo: ChildProcess): Promise<number | null> {
  if (demo.exitCode === null && demo.signalCode === null) await once(demo, 'close');
  return demo.exitCode;
}

/** Processes that were started with this home, or with one below it: the demo's, the agent's, their tools'. */
async function leftovers(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    // A process may be gone, or another user's, between the two looks.
    const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
    const [environ, command] = await Promise.all([read('environ'), read('cmdline')]);
    if (environ.includes(home) || command.includes(home)) found.push(`${pid} ${command.replaceAll('\0', ' ')}`);
  }
  return found;
}

async function list(directory: string): Promise<string[]> {
  return readdir(join(home, directory)).catch(() => []);
}

async function expectNothingLeft(): Promise<void> {
  expect(await leftovers()).toEqual([]);
  expect(await list('.local/state/optio-opencode')).toEqual([]);
  const cache = join('.cache', 'optio-opencode', 'bin');
  for (const name of await list(cache)) {
    // Versions are published whole, by a rename; what is in the making has a dot in front.
    expect(name).not.toMatch(/^\./);
    expect(await list(join(cache, name))).not.toEqual([]);
  }
  const stores = (await list('.local/share/optio-demo')).filter((name) => name === 'optio.db');
  if (stores.length === 0) return;
  await using store = createSqliteStore(join(home, '.local/share/optio-demo/optio.db'));
  expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
}

describe('Ctrl-C during the demo', () => {
  const campaign = startCampaign('ctrl-c-demo', { sample: 3, full: 20 });

  it(`leaves nothing behind, ${campaign.rounds} times, and the next demo works`, { timeout: 3_600_000 }, async () => {
    // The first half meets the installation too, the rest what comes after it.
    let longestMs = 12_000;
    for (let round = 0; round < campaign.rounds; round += 1) {
      if (round === Math.ceil(campaign.rounds / 2)) {
        const startedAt = performance.now();
        const { demo, output } = startDemo();
        expect(await exitOf(demo), output()).toBe(0);
        longestMs = performance.now() - startedAt;
      }
      const moment = campaign.random() * longestMs;
      const { demo, output } = startDemo();
      const timer = setTimeout(() => process.kill(-(demo.pid ?? 0), 'SIGINT'), moment);
      const guard = setTimeout(() => demo.kill('SIGKILL'), LONGEST_DEMO_MS);
      const exitCode = await exitOf(demo);
      clearTimeout(timer);
      clearTimeout(guard);
      const where = `round ${round}, after ${moment.toFixed(0)} ms: exit ${exitCode}\n${output()}`;
      console.log(`round ${round}: Ctrl-C after ${moment.toFixed(0)} ms, exit ${exitCode}`);
      expect([0, 3, 130, null], where).toContain(exitCode);
      await expectNothingLeft();
    }
    const { demo, output } = startDemo();
    expect(await exitOf(demo), output()).toBe(0);
    expect(output()).toContain('Second report');
    await expectNothingLeft();
  });
});
