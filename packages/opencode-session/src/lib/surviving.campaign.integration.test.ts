import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { createLocalHost } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { ensureOpencode } from '@optio-ts/opencode-installer';
import { getSnapshot, listSessionDocuments, noCipher, openKeyring } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import {
  logLines,
  markedProcesses,
  runCommand,
  scriptedEnvironment,
  scriptedProviderConfig,
  startCampaign,
  startLink,
  startScriptedModel,
  startSshd,
  writeFile as writeTool,
} from '@optio-ts/testkit';
import type { ModelScript } from '@optio-ts/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { startWorker } from '../../test/start-worker.ts';
import { recoverOpencodeSessions, startOpencodeSession } from '../index.ts';
import type { OpencodeSessionEvent } from '../index.ts';

const TOOLS = [
  logLines(['STATUS: 10% begun']),
  writeTool('deliverables/report.md', 'the report'),
  logLines(['DELIVERABLE: deliverables/report.md', 'STATUS: 50% delivered']),
  runCommand('sleep 0.5'),
  writeTool('deliverables/more.md', 'more'),
  logLines(['DELIVERABLE: deliverables/more.md', 'STATUS: 90% nearly']),
  logLines(['DONE: all green']),
];
const script: ModelScript = ({ step }) => {
  const tool = TOOLS[step];
  return tool === undefined ? { text: 'done' } : { toolCalls: [tool] };
};
const WORDS = ['status begun', 'status delivered', 'status nearly', 'deliverable', 'deliverable', 'done'];

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-surviving-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const wordsOf = (events: readonly OpencodeSessionEvent[]): string[] =>
  events.flatMap((event) => {
    if (event.type === 'status') return [`status ${event.message}`];
    return event.type === 'deliverable' || event.type === 'done' ? [event.type] : [];
  });

it(
  'goes on over a lost link, and its interface comes back on the same port',
  { timeout: 3_600_000 },
  async (context) => {
    const campaign = startCampaign('cut the link of opencode sessions', { sample: 1, full: 10 });
    const { sshd, reason } = await startSshd();
    if (sshd === undefined) return context.skip(`needs ${reason}`);
    await using _ = sshd;
    await using model = await startScriptedModel({
      script: (request) =>
        request.step === 3 ? { toolCalls: [runCommand('while ! [ -e go ]; do sleep 0.05; done')] } : script(request),
    });
    // What is installed here is good for the login on this machine, too.
    await using here = createLocalHost();
    const { path } = await ensureOpencode(here);
    for (let round = 0; round < campaign.rounds; round += 1) {
      const cuts = Array.from({ length: 1 + Math.floor(campaign.random() * 5) }, () => campaign.random());
      const early = Array.from({ length: 1 + Math.floor(campaign.random() * 4) }, () => campaign.random());
      await using link = await startLink({ targetPort: sshd.port });
      await using host = createSshHost({ ...sshd.login, port: link.port, hostKeys: pinnedKey(...sshd.fingerprints) });
      await using store = createMemoryStore();
      const taskRoot = join(directory, `tasks-${round}`);
      const session = await startOpencodeSession({
        host,
        store,
        taskRoot,
        cipher: noCipher,
        cacheDirectory: dirname(dirname(path)),
        taskId: 'far',
        task: 'Write a report.',
        autoStart: true,
        homeConfig: scriptedProviderConfig(model.url),
        env: scriptedEnvironment,
      });
      const events: OpencodeSessionEvent[] = [];
      // While it starts: by bytes, which are soon gone, and by time.
      const starting = (async () => {
        for (const random of early) {
          link.cutAfter(random < 0.5 ? 'client' : 'server', Math.floor(random * 40_000));
          await delay(random * 1200);
          link.cut({ refuse: true });
          await delay(random * 600);
          link.mend();
        }
        for (const side of ['client', 'server'] as const) link.cutAfter(side, Infinity);
      })();
      let disturbed: Promise<void> | undefined;
      const disturb = async (): Promise<void> => {
        const { ui } = session;
        await starting;
        for (const random of cuts) {
          await delay(random * 1500);
          link.cut({ refuse: true });
          await delay(random * 800);
          link.mend();
        }
        // The same address answers again.
        const authorization = `Basic ${Buffer.from(`${ui?.username}:${ui?.password}`).toString('base64')}`;
        const health = new URL('/global/health', ui?.url);
        await expect
          .poll(async () => (await fetch(health, { headers: { authorization } }).catch(() => undefined))?.status)
          .toBe(200);
        await writeFile(join(taskRoot, 'far/workdir/go'), '');
        // And once more while it ends.
        await delay((cuts[0] ?? 0) * 2500);
        link.cut({ refuse: true });
        await delay(300);
        link.mend();
      };
      for await (const event of session.events) {
        events.push(event);
        if (event.type === 'live') disturbed = disturb();
      }
      await Promise.all([starting, disturbed]);
      const result = await session.result;
      expect(result, JSON.stringify({ round, result })).toMatchObject({
        state: 'done',
        problems: [],
        keptDirectory: undefined,
      });
      // A deliverable is told when it was looked at, which the log does not wait for.
      expect(wordsOf(events).toSorted()).toEqual(WORDS.toSorted());
      expect(await getSnapshot(store, 'opencode', session.id)).toMatchObject({ endState: 'done' });
      expect(await readdir(taskRoot)).toEqual([]);
    }
    await expect.poll(async () => (await sshd.processes()).map(({ command }) => command)).toEqual([]);
  },
);

it('is finished or resumable after its worker was killed', { timeout: 3_600_000 }, async () => {
  const campaign = startCampaign('kill workers of opencode sessions', { sample: 1, full: 15 });
  const ends = new Map<string, number>();
  await using model = await startScriptedModel({ script });
  const moments = ['progress', 'live', 'status', 'deliverable', 'done', 'snapshot-saved'];
  await using host = createLocalHost();
  for (let round = 0; round < campaign.rounds; round += 1) {
    const [which, late] = [campaign.random(), campaign.random()];
    const storePath = join(directory, `${round}.db`);
    const identityPath = join(directory, `${round}.txt`);
    await using store = createSqliteStore(storePath);
    const { cipher } = await openKeyring({ store, identityPath });
    const worker = startWorker({
      taskId: 'near',
      taskRoot: join(directory, `tasks-${round}`),
      homeConfig: scriptedProviderConfig(model.url),
      env: scriptedEnvironment,
      owner: 'worker-1',
      storePath,
      identityPath,
    });
    await worker.until(moments[Math.floor(which * moments.length)] ?? 'progress');
    await delay(late * 1200);
    await worker.kill();
    const events: OpencodeSessionEvent[] = [];
    const recovered = await recoverOpencodeSessions({ store, cipher, owner: 'worker-1', hostFor: () => host });
    for (const found of recovered) {
      if (!('session' in found)) throw new Error(JSON.stringify(found));
      for await (const event of found.session.events) events.push(event);
      const { state, reason, problems } = await found.session.result;
      expect({ round, problems }).toEqual({ round, problems: [] });
      ends.set(`${found.action}: ${state} ${reason}`, (ends.get(`${found.action}: ${state} ${reason}`) ?? 0) + 1);
    }
    if (recovered.length === 0) ends.set('over before', (ends.get('over before') ?? 0) + 1);
    for await (const { id, state, outcome, runId, taskDirectory } of listSessionDocuments(store)) {
      expect(state).toBe('ended');
      expect(await markedProcesses(`=${runId}`)).toEqual([]);
      expect(existsSync(taskDirectory), `round ${round}`).toBe(false);
      const snapshot = await getSnapshot(store, 'opencode', id);
      if (outcome?.state === 'done') {
        expect(snapshot?.endState).toBe('done');
        const ids = new Map(worker.lines.map((line) => [line.id, line.type]));
        for (const event of events) expect(ids.get(event.id) ?? event.type).toBe(event.type);
        const logged = new Set(
          [...ids.keys(), ...events.map((event) => event.id)].filter((name) => /:0:\d+$/.test(name)),
        );
        expect(logged.size).toBe(WORDS.length);
      } else {
        // Killed before the agent was told its task.
        expect(outcome).toMatchObject({ state: 'failed', reason: 'setup-failed' });
        expect(snapshot).toBeUndefined();
      }
    }
    await store.sweep({ olderThanMs: 0 });
    expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0, youngIntents: 0 });
  }
  process.stdout.write(`ends: ${JSON.stringify(Object.fromEntries(ends))}\n`);
});
