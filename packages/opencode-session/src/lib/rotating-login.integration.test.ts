import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost, writeFiles } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { opencodeSeeds } from '@optio-ts/opencode-seeds';
import { openKeyring } from '@optio-ts/seed-engine';
import type { Cipher, Store } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import {
  logLines,
  scriptedEnvironment,
  scriptedLogin,
  scriptedProviderConfig,
  startScriptedModel,
} from '@optio-ts/testkit';
import type { ScriptedMessage, ScriptedModel } from '@optio-ts/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createRotatingLogin } from '../../test/rotating-agent.ts';
import type { RotatingLogin } from '../../test/rotating-agent.ts';
import { runSession } from '../../test/run-session.ts';
import type { SessionRun } from '../../test/run-session.ts';
import { startOpencodeSession } from '../index.ts';

const KEY = 'the key of the scripted model';
const AUTH_FILE = '.local/share/opencode/auth.json';
const slow = { timeout: 300_000 };

let directory: string;
let host: Host;
let store: Store;
let cipher: Cipher;
let login: RotatingLogin;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-rotating-'));
  host = createLocalHost();
  store = createSqliteStore(join(directory, 'optio.db'));
  ({ cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') }));
  login = createRotatingLogin();
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** Says DONE once the login is refreshed. */
const done = ({ step }: { readonly step: number }): ScriptedMessage =>
  step === 2 ? { toolCalls: [logLines(['DONE: refreshed'])] } : { text: 'That is all.' };

const base = (taskId: string) => ({
  host,
  store,
  cipher,
  taskId,
  task: 'Use your login.',
  autoStart: true,
  taskRoot: join(directory, 'tasks'),
  env: scriptedEnvironment,
});

const run = (taskId: string, seedId: string, more: object = {}): Promise<SessionRun> =>
  runSession({ ...base(taskId), seedId, ...more });

/** A seed as a person makes one: of a home that has just logged in. */
async function keep(model: ScriptedModel): Promise<string> {
  const home = join(directory, 'person');
  const content = JSON.stringify({ ...scriptedLogin(KEY), lab: login.entry() });
  await writeFiles(host, home, [{ path: AUTH_FILE, content }]);
  const config = scriptedProviderConfig(model.url);
  const { id } = await opencodeSeeds({ store, cipher }).capture({ host, home, config, opencodeVersion: '1.18.33' });
  return id;
}

/** The login that the next session from this seed would get. */
async function loginIn(seedId: string): Promise<unknown> {
  const home = join(directory, 'copy');
  await opencodeSeeds({ store, cipher }).plant({ host, home, seedId });
  return (JSON.parse(await readFile(join(home, AUTH_FILE), 'utf8')) as { readonly lab: unknown }).lab;
}

describe('a login that rotates, with the real opencode', () => {
  it('is never dead in three sessions in a row, one of them resumed, nor in two at once', slow, async () => {
    await using model = await startScriptedModel({ apiKey: KEY, script: login.script(done) });
    const seedId = await keep(model);
    for (const [taskId, resume] of [
      ['a', false],
      ['b', false],
      // Its own login is dead by now: the one in the seed is newer.
      ['a', true],
    ] as const) {
      const { result, types } = await run(taskId, seedId, { resume });
      expect(result).toMatchObject({ state: 'done', problems: [], keptDirectory: undefined });
      expect(types.filter((type) => type === 'seed-updated')).toHaveLength(1);
    }
    const both = await Promise.all([run('d', seedId), run('e', seedId)]);
    for (const { result } of both) expect(result).toMatchObject({ state: 'done', problems: [] });
    expect(login).toMatchObject({ dead: [], refreshes: 5 });

    // One that does not want to wait is told who has it.
    const seeds = opencodeSeeds({ store, cipher });
    await using _other = await seeds.use({ host, home: join(directory, 'other'), seedId, holder: 'somebody' });
    const refused = await run('f', seedId, { whenSeedBusy: 'refuse' });
    expect(refused.result).toMatchObject({ state: 'failed', message: expect.stringContaining('in use by somebody') });
    // Out of a pool the one that is free is taken, and what was busy is not asked for again.
    const free = await keep(model);
    const asked: (readonly string[])[] = [];
    const picked = await startOpencodeSession({
      ...base('g'),
      whenSeedBusy: 'refuse',
      seedId: async ({ busy, list }) => {
        asked.push(busy);
        return (await list()).map(({ id }) => id).findLast((id) => !busy.includes(id));
      },
    });
    for await (const event of picked.events) if (event.type === 'live') break;
    expect(asked).toEqual([[], [seedId]]);
    expect(await seeds.get(free)).toMatchObject({ lease: { holder: picked.id } });
    await picked.kill();
    expect(await readdir(join(directory, 'tasks'))).toEqual([]);
  });

  it('is in the seed as soon as the agent is idle, and stays there when the session is killed', slow, async () => {
    await using model = await startScriptedModel({ apiKey: KEY, script: login.script(() => ({ text: 'And now?' })) });
    const seedId = await keep(model);
    const session = await startOpencodeSession({ ...base('idle'), seedId });
    for await (const event of session.events) if (event.type === 'seed-updated') break;
    expect(await loginIn(seedId)).toEqual(login.entry());
    await session.kill();
    expect(login).toMatchObject({ dead: [], refreshes: 1 });
    expect(await opencodeSeeds({ store, cipher }).get(seedId)).not.toHaveProperty('lease');
  });
});
