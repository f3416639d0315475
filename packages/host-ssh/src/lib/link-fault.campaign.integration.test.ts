import { getEventListeners } from 'node:events';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HostError, type HostErrorCode } from '@optio-ts/host-core';
import { startCampaign, startLink, startSshd, type Campaign, type Link, type Sshd } from '@optio-ts/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  clear,
  linkOperations,
  snapshot,
  type LinkOperation,
  type OperationPlace,
} from '../../test/link-operations.ts';
import { loginTo } from '../../test/login-to.ts';
import { watchResources } from '../../test/resources.ts';
import { createSshHost } from '../index.ts';

let server: { readonly sshd?: Sshd; readonly reason?: string };
let root: string;

beforeAll(async () => {
  server = await startSshd();
  root = mkdtempSync(join(tmpdir(), 'optio-faults-'));
});
afterAll(async () => {
  clear(root);
  await server.sshd?.close();
});

/** What a lost link may be called: lost, not to be had again, or gone with something that may still run there. */
const fitting: readonly HostErrorCode[] = ['CONNECTION_LOST', 'CONNECT_FAILED', 'KILL_NOT_CONFIRMED'];

/** Far beyond all limits that are set below: who takes longer hangs. */
const ceilingMs = 40_000;

const faults = ['cut', 'refuse', 'half-open', 'bytes to server', 'bytes to client'] as const;

/** Makes the fault at a random moment of what takes about `workMs`. Returns what takes back one that did not come. */
function makeFault(fault: (typeof faults)[number], link: Link, campaign: Campaign, workMs: number): () => void {
  const bytes = Math.floor(10 ** (2.5 + campaign.random() * 3.8));
  const moment = campaign.random() * workMs;
  if (fault === 'bytes to server' || fault === 'bytes to client') {
    const direction = fault === 'bytes to server' ? 'server' : 'client';
    link.cutAfter(direction, bytes);
    return () => link.cutAfter(direction, Number.POSITIVE_INFINITY);
  }
  const timer = setTimeout(() => {
    if (fault === 'half-open') link.halfOpen();
    else link.cut({ refuse: fault === 'refuse' });
  }, moment);
  return () => clearTimeout(timer);
}

async function playRound(sshd: Sshd, campaign: Campaign, operation: LinkOperation, fault: (typeof faults)[number]) {
  const directory = mkdtempSync(join(root, 'round-'));
  const resources = watchResources();
  await using link = await startLink({ targetPort: sshd.port, delayMs: Math.floor(campaign.random() * 4) });
  const host = createSshHost({
    ...loginTo(sshd, link),
    connectTimeoutMs: 3000,
    ...(fault === 'half-open' ? { keepaliveIntervalMs: 400, keepaliveCount: 2 } : {}),
  });
  const place: OperationPlace = {
    host,
    directory: join(directory, 'place'),
    abortSignal: new AbortController().signal,
  };
  mkdirSync(place.directory);
  if (campaign.random() < 0.7) await host.run(['true']);

  const takeBack = makeFault(fault, link, campaign, 250);
  const error = await settled(operation.run(place));
  takeBack();
  link.mend();
  if (error !== undefined) {
    expect(HostError.is(error) ? error.code : error).toBeOneOf(fitting);
    expect((error as Error).message).not.toBe('');
  }

  // A fault that came when all was done may be noticed by the first that comes after it.
  if (error === undefined) await settled(host.run(['true']).then(() => undefined));
  // The next call works, and so does the same thing again.
  expect(String((await within(host.run(['echo', 'back']))).stdout)).toBe('back\n');
  await expect
    .poll(() => Object.keys(snapshot(directory)).filter((path) => /\.optio-|\.stage\.|\.lock|\.holder/.test(path)), {
      timeout: 20_000,
    })
    .toEqual([]);
  await within(Promise.resolve(operation.check(place, error === undefined)));
  await within(Promise.resolve(host[Symbol.asyncDispose]()));

  // Nothing is left: no listener, no timer, no socket, no process there.
  expect(getEventListeners(place.abortSignal, 'abort')).toEqual([]);
  await expect.poll(() => link.openConnections).toBe(0);
  // Soon: a timer that was forgotten would end some time, too.
  await expect.poll(() => resources.left(), { timeout: 10_000 }).toEqual([]);
  resources.stop();
  await expect.poll(() => sshd.processes()).toEqual([]);
  clear(directory);
  return error === undefined ? 'done' : (error as HostError).code;
}

async function settled(promise: Promise<void>): Promise<unknown> {
  return within(
    promise.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

/** A promise that does not settle is what the campaign looks for. */
async function within<Result>(promise: Promise<Result>): Promise<Result> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Not settled within ${ceilingMs} ms`)), ceilingMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

it(
  'a link that fails at a random moment settles everything and leaves nothing',
  { timeout: 3_600_000 },
  async (ctx) => {
    const sshd = server.sshd ?? ctx.skip(`needs ${server.reason}`);
    const campaign = startCampaign('link faults', { sample: linkOperations.length, full: 220 });
    const ends: Record<string, number> = {};
    for (let round = 0; round < campaign.rounds; round += 1) {
      const operation = linkOperations[round % linkOperations.length] as LinkOperation;
      const fault = faults[Math.floor(campaign.random() * faults.length)] as (typeof faults)[number];
      const what = `round ${round}: ${operation.name}, ${fault}`;
      const end = await playRound(sshd, campaign, operation, fault).catch((cause: unknown) => {
        throw new Error(`${what}, OPTIO_SEED=${campaign.seed}`, { cause });
      });
      ends[end] = (ends[end] ?? 0) + 1;
    }
    process.stdout.write(`link faults ended ${JSON.stringify(ends)}\n`);
    // A fault that comes when all is done shows little: a hundred have to come in between.
    if (campaign.rounds >= 200) expect(campaign.rounds - (ends['done'] ?? 0)).toBeGreaterThanOrEqual(100);
  },
);
