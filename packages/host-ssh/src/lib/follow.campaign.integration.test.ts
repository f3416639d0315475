import { appendFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { followLines, HostError, type FollowInterruption, type Host } from '@optio-ts/host-core';
import { startCampaign, startLink, startSshd, type Campaign } from '@optio-ts/testkit';
import { expect, it } from 'vitest';

import { loginTo } from '../../test/login-to.ts';
import { createSshHost } from '../index.ts';

const campaign = startCampaign('follow', { sample: 5, full: 300 });

it(
  'loses, doubles and reorders no line of files that grow, are cut, replaced and written anew, over a link that breaks',
  async (ctx) => {
    const { sshd, reason } = await startSshd();
    if (!sshd) return ctx.skip(`needs ${reason}`);
    await using closing = new AsyncDisposableStack();
    closing.use(sshd);
    const link = closing.use(await startLink({ targetPort: sshd.port }));
    const directory = await mkdtemp(join(tmpdir(), 'optio-campaign-'));
    closing.defer(() => rm(directory, { recursive: true, force: true }));
    const host = closing.use(createSshHost(loginTo(sshd, link)));
    const stop = new AbortController();
    const logs = ['a', 'b', 'c', 'd'].map((name) => createLog(host, join(directory, name), stop.signal));
    let breaks = 0;
    const breakLink = async (): Promise<void> => {
      if (campaign.random() < 0.5) link.cutAfter('client', Math.floor(campaign.random() * 4000));
      else {
        await delay(campaign.random() * 100);
        link.cut();
      }
      breaks += 1;
    };
    for (let round = 0; round < campaign.rounds; round += 1) {
      const cut = breakLink();
      await Promise.all(logs.map((log) => log.grow(campaign)));
      await cut;
      await Promise.all(logs.map((log) => log.caughtUp()));
      // Nothing unread goes with the old file: what is gone before anybody could see it, nobody can know.
      await Promise.all([
        breakLink(),
        ...logs.map((log) => delay(campaign.random() * 60).then(() => log.change(campaign))),
      ]);
      await Promise.all(logs.map((log) => log.caughtUp()));
      link.cutAfter('client', Infinity);
    }
    stop.abort();
    for (const log of logs) {
      await log.reading;
      expect(log.found).toEqual(log.written);
    }
    expect(breaks).toBe(2 * campaign.rounds);
    expect(logs.some(({ interruptions }) => interruptions() > 0)).toBe(true);
    await expect
      .poll(async () => (await sshd.processes()).filter(({ command }) => command.includes('send_files')).length, {
        timeout: 20_000,
      })
      .toBe(0);
  },
  30 * 60_000,
);

interface Log {
  readonly written: readonly string[];
  readonly found: readonly string[];
  readonly reading: Promise<void>;
  readonly interruptions: () => number;
  grow(random: Campaign): Promise<void>;
  change(random: Campaign): Promise<void>;
  caughtUp(): Promise<void>;
}

function createLog(host: Host, path: string, abortSignal: AbortSignal): Log {
  const written: string[] = [];
  const found: string[] = [];
  let content = '';
  let interruptions = 0;
  const next = (random: Campaign): string => {
    const line = `${written.length} ${'x'.repeat(Math.floor(random.random() ** 4 * 20_000))}`;
    written.push(line);
    return `${line}\n`;
  };
  const read = async (): Promise<void> => {
    const onInterruption = async ({ error }: FollowInterruption): Promise<boolean> => {
      interruptions += 1;
      return HostError.is(error) && (error.code === 'CONNECTION_LOST' || error.code === 'CONNECT_FAILED');
    };
    const options = { abortSignal, pollMs: 50, partialLineMs: 60_000, onInterruption };
    for await (const { line } of followLines({ host, path }, options)) found.push(line);
  };
  const reading = read();
  reading.catch(() => undefined);
  return {
    written,
    found,
    reading,
    interruptions: () => interruptions,
    grow: async (random) => {
      for (let piece = 0; piece < 5; piece += 1) {
        const text = next(random);
        const half = Math.floor(random.random() * text.length);
        await appendFile(path, text.slice(0, half));
        await delay(random.random() * 30);
        await appendFile(path, text.slice(half));
        content += text;
      }
    },
    change: async (random) => {
      const kind = Math.floor(random.random() * 4);
      const added = next(random);
      if (kind === 0) {
        // Written anew with all that there was, and more.
        content += added;
        await writeFile(`${path}.new`, content);
        await rename(`${path}.new`, path);
      } else if (kind === 1) {
        content = added;
        await writeFile(path, content);
      } else if (kind === 2) {
        content = added;
        await rm(path);
        await writeFile(path, content);
      } else {
        // Cut after some whole line.
        const ends = [...content.matchAll(/\n/g)].map(({ index }) => index + 1);
        const end = ends[Math.floor(random.random() * ends.length)] ?? 0;
        await truncate(path, end);
        content = content.slice(0, end) + added;
        await appendFile(path, added);
      }
    },
    caughtUp: async () => {
      const end = performance.now() + 60_000;
      while (found.length < written.length) {
        if (performance.now() > end) expect({ path, found: found.length }).toEqual({ path, found: written.length });
        await Promise.race([delay(10), reading]);
      }
    },
  };
}
