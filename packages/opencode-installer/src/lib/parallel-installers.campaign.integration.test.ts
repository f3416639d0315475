import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { probeHost } from '@optio-ts/host-core';
import { startCampaign } from '@optio-ts/testkit';
import type { Campaign } from '@optio-ts/testkit';
import { describe, expect, it } from 'vitest';

import { createFixture, testVersion } from '../../test/installer-fixture.ts';
import type { InstallerFixture } from '../../test/installer-fixture.ts';
import { packageOf, startRegistry } from '../../test/loopback-registry.ts';
import { OPENCODE_VERSION } from './pins.ts';
import { opencodeVariants } from './variants.ts';

const installer = fileURLToPath(new URL('../../test/installer-process.ts', import.meta.url));
const processes = 5;
const callsOfEach = 10;

/** What the processes install, and until when one of them may be killed. */
interface Subject {
  readonly registry: string;
  readonly version: string;
  readonly fetch: 'here' | 'host';
  readonly killWithinMs: number;
}

/**
 * Five processes call `ensureOpencode` ten times each, all at once; one is killed at a random moment. The others get one good
 * binary, and nothing else is left.
 */
async function killOneOfFive({ home }: InstallerFixture, subject: Subject, campaign: Campaign): Promise<string> {
  const { fetch, killWithinMs, registry, version } = subject;
  const children = Array.from({ length: processes }, () => {
    const words = [home, registry, version, String(callsOfEach), fetch];
    const child = spawn(process.execPath, ['--conditions=@optio-ts/source', installer, ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return { child, begins: once(child.stdout, 'data'), exited: once(child, 'exit'), output: text(child.stdout) };
  });
  await Promise.all(children.map(async ({ begins }) => begins));
  const victim = children[Math.floor(campaign.random() * processes)];
  // The moment is what the campaign varies; nothing is waited for.
  await delay(campaign.random() * killWithinMs);
  victim?.child.kill('SIGKILL');
  await Promise.all(children.map(async ({ exited }) => exited));
  const paths = new Set<string>();
  for (const { child, output } of children) {
    // The victim may have been done before.
    if (child.exitCode === null) continue;
    for (const path of JSON.parse((await output).split('\n').at(-2) ?? '[]') as string[]) paths.add(path);
  }
  expect([...paths]).toEqual([expect.stringMatching(/\/opencode$/)]);
  return [...paths][0] ?? '';
}

/** Resolves when what the victim has started on the host has noticed, too: nothing names the home any more. */
async function noticed(home: string): Promise<void> {
  const names = async (pid: string): Promise<boolean> =>
    (await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).includes(home);
  for (;;) {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const busy = await Promise.all(pids.map(names));
    if (!busy.includes(true)) return;
    await delay(50);
  }
}

describe('fifty installers in five processes, one of which is killed', { timeout: 3_600_000 }, () => {
  it('install once, and leave nothing else', async () => {
    const campaign = startCampaign('kill one of five installers', { sample: 2, full: 50 });
    // Ballast, so that there is a middle of the download and of the push.
    const program = Buffer.concat([
      Buffer.from(`#!/bin/sh\nsleep 0.1\necho ${testVersion}\nexit\n`),
      Buffer.alloc(20_000_000, 'ballast '),
    ]);
    const content = await packageOf('package/bin/opencode', program);
    for (let round = 0; round < campaign.rounds; round += 1) {
      await using fixture = await createFixture();
      await using registry = await startRegistry({
        packages: {
          [`opencode-linux-x64@${testVersion}`]: content,
          [`opencode-linux-x64-baseline@${testVersion}`]: content,
        },
      });
      const fetch = round % 2 === 0 ? 'here' : 'host';
      const subject = { registry: registry.url, version: testVersion, fetch, killWithinMs: 3000 } as const;
      const path = await killOneOfFive(fixture, subject, campaign);
      await noticed(fixture.home);
      const name = path.split('/').at(-2) ?? '';
      expect((await fixture.leftovers()).toSorted()).toEqual([name, `${name}/opencode`]);
      expect((await readFile(path)).equals(program)).toBe(true);
      expect(await readdir(fixture.home)).toEqual(['.cache']);
      // The victim's download may have been under way or done: nobody else fetches twice.
      expect(registry.requests.filter(({ url }) => url.endsWith('.tgz')).length).toBeLessThanOrEqual(2);
    }
  });

  it('do so with the real opencode', async () => {
    const campaign = startCampaign('kill one of five installers of the real opencode', { sample: 0, full: 4 });
    for (let round = 0; round < campaign.rounds; round += 1) {
      await using fixture = await createFixture();
      const fetch = round % 2 === 0 ? 'here' : 'host';
      const subject = { registry: '', version: OPENCODE_VERSION, fetch, killWithinMs: 15_000 } as const;
      const path = await killOneOfFive(fixture, subject, campaign);
      await noticed(fixture.home);
      const [variant] = opencodeVariants(await probeHost(fixture.host));
      const name = `${OPENCODE_VERSION}-${variant}`;
      expect((await fixture.leftovers()).toSorted()).toEqual([name, `${name}/opencode`]);
      const { stdout } = await promisify(execFile)(path, ['--version'], { env: { HOME: join(fixture.home, 'trial') } });
      expect(stdout.trim()).toBe(OPENCODE_VERSION);
    }
  });
});
