import type { Host } from '@optio-ts/host-core';
import { startDropbear, startLink, type Link, type SshServer } from '@optio-ts/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, type TestContext } from 'vitest';

import { loginTo } from '../../test/login-to.ts';
import { createSshHost } from '../index.ts';

/** One under its own name, and one that keeps it to itself. */
const idents = [undefined, 'OpenSSH_9.2p1'];

for (const ident of idents) {
  describe(`createSshHost on dropbear${ident === undefined ? '' : ` that calls itself ${ident}`}`, () => {
    let started: Awaited<ReturnType<typeof startDropbear>>;
    const opened: AsyncDisposable[] = [];

    beforeAll(async () => {
      started = await startDropbear(ident === undefined ? {} : { ident });
    });
    afterEach(async () => {
      for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]();
    });
    afterAll(() => started.dropbear?.close());

    const use = async (ctx: TestContext, delayMs = 0): Promise<{ server: SshServer; link: Link; host: Host }> => {
      const { dropbear: server, reason } = started;
      if (!server) return ctx.skip(`needs ${reason}`);
      const link = await startLink({ targetPort: server.port, delayMs });
      const host = createSshHost(loginTo(server, link));
      opened.push(link, host);
      return { server, link, host };
    };

    it('loses no connection, however commands overlap', async (ctx) => {
      const { server, link, host } = await use(ctx);
      const someone = async (first: number): Promise<void> => {
        for (let index = first; index < first + 12; index += 1) {
          const script = `sleep 0.0${index % 7}; echo ${index}; exit ${index}`;
          const { stdout, exitCode } = await host.run(['sh', '-c', script]);
          expect([String(stdout), exitCode]).toEqual([`${index}\n`, index]);
        }
      };
      const logged = server.log().length;
      await Promise.all([0, 20, 40, 60, 80, 100].map(someone));
      expect(server.log().slice(logged)).not.toMatch(/assertion|Unable to exec|Unknown channel/i);
      expect(link.counts().connections).toBeLessThanOrEqual(4);
    });

    // What it calls itself is of no account any more.
    if (ident !== undefined) return;

    it('serves twenty commands that run for long, and short ones beside them', async (ctx) => {
      const { link, host } = await use(ctx);
      const children = await Promise.all(Array.from({ length: 20 }, () => host.spawn(['sleep', '600'])));
      const runs = Array.from({ length: 10 }, async (_, index) =>
        String((await host.run(['echo', String(index)])).stdout),
      );
      expect(await Promise.all(runs)).toEqual(Array.from({ length: 10 }, (_, index) => `${index}\n`));
      await Promise.all(children.map((child) => child.kill({ graceMs: 0 })));
      expect(link.counts().connections).toBeLessThanOrEqual(9);
    });

    it('takes one round trip for a command, also for one right after another', async (ctx) => {
      const { link, host } = await use(ctx, 20);
      const roundTrips = async (): Promise<number> => {
        link.resetCounts();
        await host.run(['true']);
        return link.counts().roundTrips;
      };
      await roundTrips();
      const counts: number[] = [];
      for (let index = 0; index < 25; index += 1) counts.push(await roundTrips());
      // While one connection serves, the other gets its shells back: those talk as well, and are counted with the command.
      expect(counts.filter((count) => count === 1).length).toBeGreaterThanOrEqual(5);
      await expect.poll(roundTrips, { interval: 500 }).toBe(1);
    });
  });
}
