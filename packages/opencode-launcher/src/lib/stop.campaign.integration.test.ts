import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';

import { RUN_ID_VARIABLE } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { isSoak, runCommand, startCampaign, startSshd } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { findProcesses, setStage } from '../../test/stage.ts';
import type { Stage } from '../../test/stage.ts';

vi.setConfig({ testTimeout: 3_600_000, hookTimeout: 300_000 });

/** What a stop may take at worst, also where other tests run beside it. */
const MOST_MS = isSoak ? 10_000 : 30_000;

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** This machine, or the same one over SSH, so that what is left can be looked for. */
async function openHost(
  kind: 'local' | 'ssh',
  skip: (reason: string) => never,
): Promise<AsyncDisposable & { readonly host: Host }> {
  if (kind === 'local') return { host: stage.host, [Symbol.asyncDispose]: () => Promise.resolve() };
  const { sshd, reason } = await startSshd();
  if (sshd === undefined) return skip(`needs ${reason}`);
  const host = createSshHost({ ...sshd.login, hostKeys: pinnedKey(...sshd.fingerprints) });
  return {
    host,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await sshd.close();
    },
  };
}

// The sample: each kind of host, and each confinement, once.
const cases = (['local', 'ssh'] as const).flatMap((kind) =>
  (['off', 'required'] as const)
    .filter((confine) => isSoak || (kind === 'local') === (confine === 'required'))
    .map((confine) => ({ kind, confine })),
);

describe.each(cases)('a stop in the middle of a tool call, on $kind with confine: $confine', ({ kind, confine }) => {
  it('leaves nothing, in time, with the database closed', async (context) => {
    if (confine === 'required' && !stage.probe.canConfine) context.skip('needs bubblewrap: apt-get install bubblewrap');
    const { rounds, random } = startCampaign(`stop ${kind} ${confine}`, { sample: 1, full: 50 });
    await using place = await openHost(kind, (reason) => context.skip(reason));
    let slowestMs = 0;
    for (let round = 0; round < rounds; round += 1) {
      const options = await stage.optionsFor({ confine, host: place.host });
      const mark = join(options.workspace.workdir, 'mark');
      // 1000 seconds, and a name that nobody else's sleep has.
      const nap = `1000.${Math.floor(random() * 1e9)}`;
      // Unconfined, what has no run id any more and has left the tree is nobody's: see `Host.kill`.
      const clear = confine === 'required' ? 'env -i ' : '';
      const command = `trap '' TERM; ${clear}setsid sleep ${nap} & sleep ${nap}; : ${mark}`;
      stage.play(({ step }) => (step === 0 ? { toolCalls: [runCommand(command)] } : { text: 'never' }));
      const server = await stage.launch(options);
      const { id } = await server.client.createSession({ title: 'A stop' });
      for await (const { type, properties } of server.client.events()) {
        if (type === 'server.connected') await server.client.prompt(id, { text: 'Begin.' });
        if (type === 'message.part.updated' && JSON.stringify(properties).includes('"status":"running"')) break;
      }
      const naps = (): Promise<string[]> => findProcesses(`sleep\0${nap}`);
      await expect.poll(naps, { timeout: 120_000, interval: 20 }).toHaveLength(2);
      await delay(random() * 500);

      const startedAt = performance.now();
      await server.stop();
      const tookMs = performance.now() - startedAt;
      slowestMs = Math.max(slowestMs, tookMs);
      // No second look: it was confirmed.
      expect(await naps()).toEqual([]);
      expect(await findProcesses(options.workspace.taskDirectory)).toEqual([]);
      expect(await findProcesses(`${RUN_ID_VARIABLE}=${server.process.runId}`)).toEqual([]);
      expect(tookMs).toBeLessThan(MOST_MS);
      await server.stop();
      await expect(server.client.health()).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
      // Nobody has it open, and it is whole.
      const database = new DatabaseSync(join(options.workspace.taskDirectory, 'opencode.db'));
      database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
      expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
      expect(database.prepare('SELECT count(*) AS sessions FROM session').get()).toEqual({ sessions: 1 });
      database.exec('COMMIT');
      database.close();
    }
    process.stdout.write(`stop ${kind} ${confine}: ${rounds} times, the slowest took ${Math.round(slowestMs)} ms\n`);
  });
});
