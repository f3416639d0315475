import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { openKeyring } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { startLink, startSshd } from '@optio-ts/testkit';
import { expect, it } from 'vitest';

import { AUTH_FILE, CONFIG_FILE, PLUGINS_DIRECTORY } from './manifest.ts';
import { opencodeSeeds } from './opencode-seeds.ts';

it('captures, plants, and writes a login back over SSH in few round trips', { timeout: 120_000 }, async ({ skip }) => {
  const { sshd, reason } = await startSshd();
  if (sshd === undefined) return skip(`needs ${reason}`);
  await using _ = sshd;
  await using link = await startLink({ targetPort: sshd.port, delayMs: 20 });
  await using host = createSshHost({ ...sshd.login, port: link.port, hostKeys: pinnedKey(...sshd.fingerprints) });
  const directory = await mkdtemp(join(tmpdir(), 'optio-trips-'));
  try {
    await using store = createSqliteStore(join(directory, 'store.db'));
    const { cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') });
    const seeds = opencodeSeeds({ store, cipher });
    const home = join(directory, 'home');
    const put = async (path: string, content: string): Promise<void> => {
      await mkdir(dirname(join(home, path)), { recursive: true });
      await writeFile(join(home, path), content);
    };
    const login = (number: number): string =>
      JSON.stringify({ lab: { type: 'oauth', refresh: `r${number}`, access: 'a', expires: number } });
    await put(AUTH_FILE, login(1));
    await put(CONFIG_FILE, '{"model":"lab/m"}');
    await put(`${PLUGINS_DIRECTORY}/mine.js`, 'export {}');
    await host.run(['true']);

    // Shells that the connection makes ready in the background talk as well; at some moment there are enough of them.
    const fewest = async (what: string, operation: () => Promise<unknown>): Promise<void> => {
      const counts: number[] = [];
      const trips = async (): Promise<number> => {
        link.resetCounts();
        await operation();
        counts.push(link.counts().roundTrips);
        return Math.min(...counts);
      };
      await expect.poll(trips, { interval: 300, message: what }).toBeLessThanOrEqual(3);
    };
    const capture = { host, home, opencodeVersion: '1.18.33' } as const;
    const seed = await seeds.capture(capture);
    await fewest('capture a login', () => seeds.capture(capture));
    const everything = { ...capture, scope: 'everything', acceptCode: true } as const;
    const { id } = await seeds.capture(everything);
    await fewest('capture everything', () => seeds.capture(everything));
    let homes = 0;
    const next = (): string => join(directory, `home-${(homes += 1)}`);
    await fewest('plant everything', () => seeds.plant({ host, home: next(), seedId: id }));
    expect(await readFile(join(directory, 'home-1', `${PLUGINS_DIRECTORY}/mine.js`), 'utf8')).toBe('export {}');
    await fewest('use a seed', async () => {
      await using _use = await seeds.use({ host, home: next(), seedId: seed.id, holder: 'a' });
    });
    const used = next();
    await using use = await seeds.use({ host, home: used, seedId: seed.id, holder: 'b' });
    let number = 1;
    await fewest('write a login back', async () => {
      await writeFile(join(used, AUTH_FILE), login((number += 1)));
      expect(await use.writeBack()).toBe(true);
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});
