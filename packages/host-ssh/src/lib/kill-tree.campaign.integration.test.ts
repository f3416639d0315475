import { mkdtempSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost, findSupervised, startSupervised, type Bytes, type Host } from '@optio-ts/host-core';
import { startCampaign, startLink, startSshd, type Campaign, type Link, type Sshd } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';

import { loginTo } from '../../test/login-to.ts';
import { processesWith, treeCommand } from '../../test/process-tree.ts';
import { createSshHost } from '../index.ts';

let self: { readonly sshd?: Sshd; readonly reason?: string };
let other: { readonly sshd?: Sshd; readonly reason?: string };

beforeAll(async () => {
  [self, other] = await Promise.all([startSshd(), startSshd({ user: 'other' })]);
});
afterAll(async () => {
  await self.sshd?.close();
  await other.sshd?.close();
});

function open(sshd: Sshd, link?: Link): Host {
  return createSshHost({
    ...loginTo(sshd, link),
    connectTimeoutMs: 5000,
  });
}

let counter = 0;

/** A mark for the environment of a tree, by which it is counted on this machine. */
function newMark(): { readonly env: Record<string, string>; readonly count: () => number } {
  counter += 1;
  const value = `${process.pid}-${counter}`;
  return { env: { OPTIO_TREE: value }, count: () => processesWith(`OPTIO_TREE=${value}\0`).length };
}

async function readReady(bytes: Bytes): Promise<void> {
  const { value } = await bytes[Symbol.asyncIterator]().next();
  expect(Buffer.from(value as Uint8Array).toString()).toBe('ready\n');
}

const hosts: Readonly<Record<string, (ctx: TestContext) => Host>> = {
  'this machine': () => createLocalHost(),
  'SSH as oneself': (ctx) => open(self.sshd ?? ctx.skip(`needs ${self.reason}`)),
  'SSH as another user': (ctx) => open(other.sshd ?? ctx.skip(`needs ${other.reason}`)),
};

/** Starts the tree and ends it; resolves when the end was called confirmed. */
const ends: Readonly<Record<string, (host: Host, campaign: Campaign) => Promise<number>>> = {
  'a cancel': async (host, campaign) => {
    const { env, count } = newMark();
    const controller = new AbortController();
    const running = host.spawn(treeCommand(campaign.random), { env, abortSignal: controller.signal });
    const child = await running;
    await readReady(child.stdout);
    expect(count()).toBeGreaterThanOrEqual(50);
    controller.abort();
    await expect(child.exited).rejects.toMatchObject({ code: 'ABORTED' });
    return count();
  },
  'a timeout': async (host, campaign) => {
    const { env, count } = newMark();
    const timeoutMs = 500 + campaign.random() * 1000;
    await expect(host.run(treeCommand(campaign.random), { env, timeoutMs })).rejects.toMatchObject({ code: 'TIMEOUT' });
    return count();
  },
  'the end of the host': async (host, campaign) => {
    const { env, count } = newMark();
    const child = await host.spawn(treeCommand(campaign.random), { env });
    await readReady(child.stdout);
    const exited = expect(child.exited).rejects.toMatchObject({ code: 'DISPOSED' });
    await host[Symbol.asyncDispose]();
    const left = count();
    await exited;
    return left;
  },
  kill: async (host, campaign) => {
    const { env, count } = newMark();
    const child = await host.spawn(treeCommand(campaign.random), { env });
    await readReady(child.stdout);
    await child.kill({ graceMs: Math.floor(campaign.random() * 2) * 300 });
    return count();
  },
};

describe('a tree of fifty processes', { timeout: 3_600_000 }, () => {
  it('is gone when its end is confirmed', async (ctx) => {
    const campaign = startCampaign('kill a tree', { sample: 2, full: 60 });
    for (let round = 0; round < campaign.rounds; round += 1) {
      const end = Object.keys(ends)[round % Object.keys(ends).length] ?? '';
      const where = Object.keys(hosts)[Math.floor(campaign.random() * Object.keys(hosts).length)] ?? '';
      const host = hosts[where]?.(ctx) as Host;
      const left = await ends[end]?.(host, campaign);
      await host[Symbol.asyncDispose]();
      expect({ round, where, end, left, seed: campaign.seed }).toMatchObject({ left: 0 });
    }
  });

  it('is not called gone while the link is lost, and is gone when it is back', async (ctx) => {
    const campaign = startCampaign('kill a tree on a lost link', { sample: 1, full: 20 });
    for (let round = 0; round < campaign.rounds; round += 1) {
      const sshd = (round % 2 === 0 ? self : other).sshd ?? ctx.skip(`needs ${self.reason ?? other.reason}`);
      await using link = await startLink({ targetPort: sshd.port });
      await using host = open(sshd, link);
      const { env, count } = newMark();
      const controller = new AbortController();
      const child = await host.spawn(treeCommand(campaign.random), { env, abortSignal: controller.signal });
      await readReady(child.stdout);
      link.cut({ refuse: true });
      if (round % 3 === 0) {
        await expect(child.exited).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
      } else {
        controller.abort();
        await expect(child.exited).rejects.toMatchObject({
          code: expect.stringMatching(/^(CONNECTION_LOST|KILL_NOT_CONFIRMED)$/) as string,
        });
      }
      await expect(child.kill()).rejects.toMatchObject({ code: 'KILL_NOT_CONFIRMED' });
      expect(count()).toBeGreaterThanOrEqual(50);
      link.mend();
      await host.run(['true']);
      await expect.poll(count).toBe(0);
      await child.kill();
    }
  });

  it('under a supervisor is gone within its lease, link or not', async (ctx) => {
    const campaign = startCampaign('end a tree by its lease', { sample: 1, full: 10 });
    for (let round = 0; round < campaign.rounds; round += 1) {
      const sshd = (round % 2 === 0 ? other : self).sshd ?? ctx.skip(`needs ${self.reason ?? other.reason}`);
      const directory = mkdtempSync(join(tmpdir(), 'optio-lease-'));
      chmodSync(directory, 0o777);
      await using link = await startLink({ targetPort: sshd.port });
      await using host = open(sshd, link);
      const { env, count } = newMark();
      const started = await startSupervised(host, {
        directory,
        command: treeCommand(campaign.random),
        env,
        // Long enough for fifty to start on a busy machine.
        leaseMs: 6000,
      });
      await expect.poll(count).toBeGreaterThanOrEqual(50);
      link.cut({ refuse: true });
      await expect(started.stop()).rejects.toMatchObject({ code: 'KILL_NOT_CONFIRMED' });
      expect(count()).toBeGreaterThanOrEqual(50);
      // The lease, its ticks, and what it takes to end what ignores TERM.
      await expect.poll(count).toBe(0);
      link.mend();
      const [found] = await findSupervised(host, directory, { runId: started.runId });
      expect(await found?.exited).toMatchObject({ leaseExpired: true });
      await started.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
