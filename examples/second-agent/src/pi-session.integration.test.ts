import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import type { AgentEvent, AgentSession, SessionOutcome } from '@optio-ts/agents-session';
import { createLocalHost, probeHost, writeFiles } from '@optio-ts/host-core';
import type { Host, HostFile } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { captureSeed, listSnapshots, loadLatestSnapshot, openKeyring } from '@optio-ts/seed-engine';
import type { Cipher, Store } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { logLines, runCommand, startScriptedModel, startSshd } from '@optio-ts/testkit';
import type { ModelScript, ScriptedModelRequest } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { piManifest, startPiSession } from './pi-session.ts';
import type { PiSessionOptions } from './pi-session.ts';

const KEY = 'the key of the scripted model';

let directory: string;
let store: Store & AsyncDisposable;
let cipher: Cipher;

beforeAll(async () => {
  directory = await mkdtemp(join(await realpath(tmpdir()), 'optio-pi-'));
  store = createSqliteStore(join(directory, 'agents.db'));
  ({ cipher } = await openKeyring({ store, identityPath: join(directory, 'identity.txt') }));
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** pi's own configuration for a scripted model, as `home` below some directory. */
function piFiles(url: string, home = 'home/'): HostFile[] {
  const models = { baseUrl: `${url}/v1`, api: 'openai-completions', apiKey: 'LAB_KEY', models: [{ id: 'scripted' }] };
  const contents = {
    'models.json': { providers: { lab: models } },
    'auth.json': { lab: { type: 'api_key', key: KEY } },
    'settings.json': { defaultProvider: 'lab', defaultModel: 'scripted' },
  };
  return Object.entries(contents).map(([name, content]) => ({
    path: `${home}.pi/agent/${name}`,
    content: JSON.stringify(content),
  }));
}

/** Delivers what the task asks for, by the commands given; then says so. */
const work =
  (...commands: readonly ((request: ScriptedModelRequest) => ReturnType<typeof runCommand>)[]): ModelScript =>
  (request) => {
    const next = commands[request.step];
    return next === undefined ? { text: 'The task is finished.' } : { toolCalls: [next(request)] };
  };

const deliver = work(
  () => logLines(['STATUS: 10% reading']),
  ({ system }) => runCommand(`echo "marker: ${/MARKER-\w+/.exec(system)?.[0]}" > deliverables/report.md`),
  () => logLines(['DELIVERABLE: ./deliverables/report.md', 'DONE: written']),
);

interface PiRun {
  readonly outcome: SessionOutcome;
  readonly events: readonly AgentEvent[];
  readonly delivered: Readonly<Record<string, string>>;
}

const base = (host: Host, taskId: string): Omit<PiSessionOptions, 'task'> => ({
  host,
  store,
  cipher,
  taskId,
  taskRoot: join(directory, 'tasks'),
});

async function finish(session: AgentSession): Promise<PiRun> {
  const events: AgentEvent[] = [];
  const delivered: Record<string, string> = {};
  for await (const event of session.events) {
    events.push(event);
    if (event.type !== 'deliverable') continue;
    delivered[event.name] = Buffer.concat(await Array.fromAsync(event.content())).toString('utf8');
  }
  return { outcome: await session.result, events, delivered };
}

/** How many processes of this machine have a word in their command line. */
async function countProcesses(word: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.split('\0').includes(word)).length;
}

describe('startPiSession', () => {
  it('runs fresh, with a key from the environment', async () => {
    await using host = createLocalHost();
    await using model = await startScriptedModel({ apiKey: KEY, script: deliver });
    const files = piFiles(model.url).filter(({ path }) => !path.endsWith('auth.json'));
    const options = { ...base(host, 'fresh'), task: 'Write MARKER-one.', files, env: { LAB_KEY: KEY } };
    const { outcome, delivered } = await finish(await startPiSession(options));
    expect(outcome).toMatchObject({ state: 'done', message: 'written', problems: [] });
    expect(delivered).toEqual({ 'report.md': 'marker: MARKER-one\n' });
    expect(await readdir(join(directory, 'tasks'))).not.toContain('fresh');
  });

  it('runs from a seed, confined to its task directory', async (context) => {
    await using host = createLocalHost();
    const { canConfine } = await probeHost(host);
    if (!canConfine) return context.skip('needs bubblewrap: apt-get install bubblewrap');
    const script = work(
      () => runCommand(`ls -A ../control ${directory} > deliverables/seen.txt`),
      () => logLines(['DELIVERABLE: ./deliverables/seen.txt', 'DONE: looked']),
    );
    await using model = await startScriptedModel({ apiKey: KEY, script });
    const home = join(directory, 'someone');
    await writeFiles(host, home, piFiles(model.url, ''));
    const seed = await captureSeed({ store, cipher, host, home, manifest: piManifest, label: 'a test' });
    const options = { ...base(host, 'seeded'), task: 'Look around.', seedId: seed.id, confine: 'required' } as const;
    const { outcome, delivered } = await finish(await startPiSession(options));
    expect(outcome).toMatchObject({ state: 'done', problems: [] });
    // Neither our records of it, nor the store and its key.
    expect(delivered).toEqual({ 'seen.txt': `../control:\n\n${directory}:\ntasks\n` });
  });

  it('is ended in a tool call with all it started, and goes on over SSH in another place', async (context) => {
    const { sshd, reason } = await startSshd({
      user: 'self',
      env: {
        PATH: process.env['PATH'] ?? '',
        XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
      },
    });
    if (sshd === undefined) return context.skip(`needs ${reason}`);
    await using _ = sshd;
    await using far = createSshHost({ ...sshd.login, hostKeys: pinnedKey(...sshd.fingerprints) });
    await using host = createLocalHost();
    const nap = `1000.${process.pid}`;
    const script: ModelScript = (request) =>
      request.prompt.includes('brought back')
        ? deliver(request)
        : work(
            () => runCommand('echo precious > kept.txt'),
            () => runCommand(`setsid sleep ${nap} & echo 'STATUS: 50% asleep' >> optio.log; sleep ${nap}`),
          )(request);
    await using model = await startScriptedModel({ apiKey: KEY, script });
    const task = 'Write MARKER-far.';
    // Not confined: what a tool leaves behind is found without a name space too.
    const options = { ...base(host, 'moved'), task, files: piFiles(model.url), confine: 'off' } as const;
    const session = await startPiSession(options);
    for await (const event of session.events) if (event.type === 'status') break;
    await expect.poll(() => countProcesses(nap)).toBe(2);
    expect(await session.cancel('enough')).toMatchObject({ state: 'cancelled', message: 'enough', problems: [] });
    expect(await countProcesses(nap)).toBe(0);
    expect(await loadLatestSnapshot(store, 'pi', 'moved')).toMatchObject({ endState: 'cancelled' });

    const elsewhere = { ...base(far, 'moved'), taskRoot: join(sshd.home, 'elsewhere') };
    const { outcome, delivered } = await finish(await startPiSession({ ...elsewhere, task, resume: true }));
    expect(outcome).toMatchObject({ state: 'done', problems: [] });
    expect(delivered).toEqual({ 'report.md': 'marker: MARKER-far\n' });
    const told = model.requests.at(-1)?.messages.flatMap(({ toolCalls }) => toolCalls.map((call) => call.arguments));
    expect(JSON.stringify(told)).toContain('precious');
    expect(await Array.fromAsync(listSnapshots(store, 'pi', 'moved'))).toHaveLength(2);
  });

  it('fails with the words of its model', async () => {
    await using host = createLocalHost();
    await using model = await startScriptedModel({ apiKey: 'another key', script: deliver });
    const options = { ...base(host, 'refused'), task: 'Anything.', files: piFiles(model.url) };
    const { outcome } = await finish(await startPiSession(options));
    expect(outcome).toMatchObject({ state: 'failed', reason: 'model-failed', exit: { exitCode: 0 } });
    expect(outcome.message).toContain('Incorrect API key provided');
  });

  it('does not start without what it was asked to go on from', async () => {
    await using host = createLocalHost();
    await expect(startPiSession({ ...base(host, 'unknown'), task: 'Go on.', resume: true })).rejects.toThrow(
      'There is no snapshot of task unknown',
    );
  });
});
