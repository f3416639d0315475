import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { createLogProtocol } from '@optio-ts/agents-prompt';
import { openWorkspace, outlastLink, startSupervised } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { startCampaign, startLink, startSshd } from '@optio-ts/testkit';
import type { Campaign, Link, Sshd } from '@optio-ts/testkit';
import { expect, it } from 'vitest';

import { SCRIPT_LIBRARY } from '../../test/scripted-agent.ts';
import { runAgentSession } from './run-agent-session.ts';

const AT_ONCE = 5;
/** The most that a session waits for between two lines, and how long its link stays away, in milliseconds. */
const PAUSE_MS = 400;
const AWAY_MS = 1500;

/** What an agent writes, and what is to become of it. */
interface Play {
  readonly script: string;
  readonly statuses: readonly string[];
  /** By name, the SHA-256 of what is in it. */
  readonly deliverables: ReadonlyMap<string, string>;
  readonly end: { readonly state: 'done' | 'failed'; readonly message: string };
}

function write({ random }: Campaign): Play {
  const steps: string[] = [];
  const statuses: string[] = [];
  const deliverables = new Map<string, string>();
  const count = 4 + Math.floor(random() * 6);
  for (let number = 0; number < count; number += 1) {
    statuses.push(`step ${number}`);
    steps.push(`say 'STATUS: step ${number}'`);
    if (random() < 0.5) {
      const size = Math.ceil(random() ** 3 * 3_000_000);
      const name = `file-${number}`;
      steps.push(
        `head -c ${size} /dev/zero | tr '\\0' ${number} >deliverables/${name}; say 'DELIVERABLE: deliverables/${name}'`,
      );
      deliverables.set(name, createHash('sha256').update(String(number).repeat(size)).digest('hex'));
    }
    steps.push(`sleep ${((random() * PAUSE_MS) / 1000).toFixed(3)}`);
  }
  const isDone = random() < 0.7;
  const message = `end ${count}`;
  steps.push(`say '${isDone ? 'DONE' : 'ERROR'}: ${message}'; stay`);
  return { script: steps.join('\n'), statuses, deliverables, end: { state: isDone ? 'done' : 'failed', message } };
}

/** Cuts a link several times at random moments. */
async function disturb(link: Link, { random }: Campaign, playMs: number): Promise<number> {
  const moments = Array.from({ length: 1 + Math.floor(random() * 5) }, () => random() * playMs).toSorted(
    (a, b) => a - b,
  );
  let at = 0;
  for (const moment of moments) {
    await delay(Math.max(0, moment - at));
    const awayMs = random() * AWAY_MS;
    at = Math.max(at, moment);
    if (random() < 0.3) link.cutAfter(random() < 0.5 ? 'client' : 'server', Math.ceil(random() * 20_000));
    else {
      link.cut({ refuse: random() < 0.8 });
      await delay(awayMs);
      link.mend();
      at += awayMs;
    }
  }
  return moments.length;
}

async function playOnce(sshd: Sshd, taskRoot: string, name: string, campaign: Campaign): Promise<number> {
  const play = write(campaign);
  // Drawn before anything runs: the order of the draws must not depend on the machine.
  const seeds = Array.from({ length: 64 }, () => campaign.random());
  const own: Campaign = { ...campaign, random: () => seeds.pop() ?? 0.5 };
  await using link = await startLink({ targetPort: sshd.port });
  await using host = createSshHost({ ...sshd.login, port: link.port, hostKeys: pinnedKey(...sshd.fingerprints) });
  const workspace = await openWorkspace(host, { taskId: name, taskRoot });
  const delivered = new Map<string, string>();
  let cuts: Promise<number> = Promise.resolve(0);
  const session = runAgentSession({
    host,
    workspace,
    protocol: createLogProtocol(),
    sessionId: name,
    hooks: {
      async onDeliverable(_context, deliverable) {
        const hash = createHash('sha256');
        for await (const chunk of deliverable.content()) hash.update(chunk);
        expect(delivered.has(deliverable.name)).toBe(false);
        delivered.set(deliverable.name, hash.digest('hex'));
      },
    },
    launch: async () => {
      const agent = await startSupervised(host, {
        directory: workspace.taskDirectory,
        cwd: workspace.workdir,
        command: ['sh', '-c', `${SCRIPT_LIBRARY}${play.script}`],
      });
      // From here to well after the end: what ends a session is disturbed as well.
      cuts = disturb(link, own, play.statuses.length * (PAUSE_MS / 2) + 1500);
      return { exited: agent.exited, stop: async () => agent.stop({ graceMs: 0 }) };
    },
    teardown: async ({ isAgentStopped, abortSignal }) => {
      expect(isAgentStopped).toBe(true);
      await outlastLink(() => workspace.remove({ abortSignal }), { abortSignal });
    },
  });
  const ids = new Set<string>();
  const statuses: string[] = [];
  const files: string[] = [];
  for await (const event of session.events) {
    expect(ids.has(event.id), event.id).toBe(false);
    ids.add(event.id);
    if (event.type === 'status') statuses.push(event.message);
    if (event.type === 'deliverable') files.push(event.name);
    expect(event.type, JSON.stringify(event)).not.toBe('deliverable-rejected');
  }
  const outcome = await session.result;
  const count = await cuts;
  // One that waits for bytes to come would hit the end of the host object, which is another's concern.
  for (const side of ['client', 'server'] as const) link.cutAfter(side, Infinity);
  expect(outcome, name).toMatchObject({ ...play.end, problems: [] });
  expect(statuses).toEqual(play.statuses);
  expect(files).toEqual([...play.deliverables.keys()]);
  expect(delivered).toEqual(play.deliverables);
  expect(existsSync(workspace.taskDirectory)).toBe(false);
  return count;
}

it(
  'ends each session as its agent wrote, with every event and deliverable once, however the link was cut',
  { timeout: 3_600_000 },
  async (context) => {
    const campaign = startCampaign('cut the link of sessions', { sample: 5, full: 200 });
    const { sshd, reason } = await startSshd({ config: ['MaxStartups 100'] });
    if (sshd === undefined) return context.skip(`needs ${reason}`);
    await using _ = sshd;
    const taskRoot = mkdtempSync(join(tmpdir(), 'optio-link-loss-'));
    let cuts = 0;
    try {
      for (let first = 0; first < campaign.rounds; first += AT_ONCE) {
        const names = Array.from(
          { length: Math.min(AT_ONCE, campaign.rounds - first) },
          (_none, index) => `s${first + index}`,
        );
        for (const count of await Promise.all(names.map((name) => playOnce(sshd, taskRoot, name, campaign))))
          cuts += count;
      }
      process.stdout.write(`link loss: ${campaign.rounds} sessions, ${cuts} cuts\n`);
      await expect.poll(async () => (await sshd.processes()).map(({ command }) => command)).toEqual([]);
    } finally {
      rmSync(taskRoot, { recursive: true, force: true });
    }
  },
);
