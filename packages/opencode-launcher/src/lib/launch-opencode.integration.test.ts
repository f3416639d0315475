import { once } from 'node:events';
import { readFile, readdir, writeFile, mkdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { RUN_ID_VARIABLE } from '@optio-ts/host-core';
import { logLines, runCommand, scriptedProviderConfig, startScriptedModel, taskScript } from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel } from '@optio-ts/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { setStage } from '../../test/stage.ts';
import type { Stage } from '../../test/stage.ts';
import { launchOpencode } from './launch-opencode.ts';
import type { LaunchOpencodeOptions } from './launch-opencode.ts';
import type { OpencodeConfig } from './opencode-config.ts';
import type { OpencodeServer } from './opencode-server.ts';
import { importSession } from './session-import.ts';

// A start takes 2 s on an idle machine and ten times that on a busy one.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let stage: Stage;
let model: ScriptedModel;
let script: ModelScript;
let taskCount = 0;
const servers: OpencodeServer[] = [];

beforeAll(async () => {
  process.env['OPTIO_TEST_CANARY'] = 'must-not-be-seen';
  process.env['OPTIO_TEST_WANTED'] = 'must-be-seen';
  stage = await setStage();
  model = await startScriptedModel({ script: (request) => script(request) });
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

afterAll(async () => {
  delete process.env['OPTIO_TEST_CANARY'];
  delete process.env['OPTIO_TEST_WANTED'];
  await model?.close();
  await stage?.[Symbol.asyncDispose]();
});

async function optionsFor(own: Partial<LaunchOpencodeOptions> = {}): Promise<LaunchOpencodeOptions> {
  taskCount += 1;
  const workspace = own.workspace ?? (await stage.openTask(`task-${taskCount}`));
  const config = { ...scriptedProviderConfig(model.url), ...own.config } as OpencodeConfig;
  return { host: stage.host, probe: stage.probe, binary: stage.binary, confine: 'off', ...own, workspace, config };
}

async function launch(options: LaunchOpencodeOptions): Promise<OpencodeServer> {
  const server = await launchOpencode(options);
  servers.push(server);
  return server;
}

/** Prompts a session and waits until it has nothing more to do. */
async function turn(server: OpencodeServer, sessionId: string, text = 'Begin.'): Promise<void> {
  for await (const event of server.client.events()) {
    if (event.type === 'server.connected') await server.client.prompt(sessionId, { text });
    if (event.type === 'session.idle' && event.sessionId === sessionId) return;
  }
  throw new Error('The server ended during the turn');
}

/** What a command of the agent sees. */
async function environmentOf(server: OpencodeServer, sessionId: string): Promise<string> {
  script = ({ step }) =>
    step === 0 ? { toolCalls: [runCommand('env; echo "ripgrep is $(command -v rg)"')] } : { text: 'ok' };
  const count = model.requests.length;
  await turn(server, sessionId, 'Print your environment.');
  const answer = model.requests.slice(count).findLast(({ kind, step }) => kind === 'agent' && step === 1);
  const seen = answer?.messages.findLast(({ role }) => role === 'tool')?.text ?? '';
  expect(seen).toMatch(/ripgrep is \/./);
  return seen;
}

/** Everything alive on this machine that was started for a run, or whose command line has the word. */
async function survivors(word: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const read = async (name: string): Promise<string> => readFile(join('/proc', pid, name), 'latin1').catch(() => '');
    const [environment, command] = [await read('environ'), await read('cmdline')];
    if (environment.includes(word) || command.includes(word)) found.push(`${pid} ${command.replaceAll('\0', ' ')}`);
  }
  return found;
}

const markOf = (server: OpencodeServer): string => `${RUN_ID_VARIABLE}=${server.process.runId}`;

async function failureOf(options: LaunchOpencodeOptions): Promise<Error & { readonly code: string }> {
  const result = await launch(options).catch((error: unknown) => error);
  if (!(result instanceof Error && 'code' in result))
    throw new Error('It started, or failed without a code', { cause: result });
  return result as Error & { readonly code: string };
}

describe.each(['off', 'required'] as const)('launchOpencode with confine: %s', (confine) => {
  it('runs a task: told by its AGENTS.md, by nobody above it, in an environment of its own', async (context) => {
    if (confine === 'required' && !stage.probe.canConfine) context.skip('needs bubblewrap: apt-get install bubblewrap');
    script = taskScript({
      statuses: ['10% starting'],
      deliverables: { 'report.md': ({ system }) => `The word is ${/the word (\w+)/.exec(system)?.[1] ?? 'missing'}.` },
    });
    const options = await optionsFor({ confine, env: { CUSTOM: 'custom' } });
    const { workdir, taskDirectory } = options.workspace;
    for (const directory of [stage.root, join(stage.root, 'tasks'), taskDirectory]) {
      await writeFile(join(directory, 'AGENTS.md'), 'INTRUDER in AGENTS.md');
      await writeFile(join(directory, 'opencode.json'), '{"model":"intruder/model","instructions":["INTRUDER.md"]}');
      for (const skills of ['.claude/skills', '.agents/skills', '.opencode/skill']) {
        await mkdir(join(directory, skills, 'intruder'), { recursive: true });
        await writeFile(
          join(directory, skills, 'intruder/SKILL.md'),
          '---\nname: intruder\ndescription: INTRUDER\n---\n',
        );
      }
    }
    await writeFile(join(workdir, 'AGENTS.md'), '# Task\n\nWrite down the word pineapple.\n');

    const server = await launch(options);
    expect(server.isConfined).toBe(confine === 'required');
    const { id, directory } = await server.client.createSession({ title: 'A test' });
    expect(directory).toBe(workdir);
    await turn(server, id);
    expect(await readFile(join(workdir, 'deliverables/report.md'), 'utf8')).toBe('The word is pineapple.');
    expect(await readFile(join(workdir, 'optio.log'), 'utf8')).toContain('DONE: the report is written');
    expect(JSON.stringify(model.requests)).not.toContain('INTRUDER');
    expect(await server.client.lastModel(id)).toEqual({ providerId: 'scripted', modelId: 'scripted-model' });

    const seen = await environmentOf(server, id);
    expect(seen).toContain(`HOME=${workdir}/home\n`);
    expect(seen).toContain('CUSTOM=custom\n');
    expect(seen).not.toContain('be-seen');
    // Nothing was installed into the home, and nothing was shown in an argv.
    expect(await readdir(join(workdir, 'home/.config/opencode/node_modules'))).toEqual([]);
    expect((await stat(join(workdir, 'home'))).isDirectory()).toBe(true);
    const processes = await survivors(markOf(server));
    expect(processes.length).toBeGreaterThan(0);
    expect(processes.join('\n')).not.toContain(server.password);
  });

  it('leaves nothing when it is stopped during a tool call that ignores TERM and left its session', async (context) => {
    if (confine === 'required' && !stage.probe.canConfine) context.skip('needs bubblewrap: apt-get install bubblewrap');
    const options = await optionsFor({ confine });
    const mark = join(options.workspace.workdir, 'mark');
    script = ({ step }) =>
      step === 0
        ? {
            toolCalls: [
              runCommand(
                `trap '' TERM; setsid sleep 1234 & printf 'STATUS: up\\n' >> optio.log; sh -c 'sleep 1234; : ${mark}'`,
              ),
            ],
          }
        : { text: 'never' };
    const server = await launch(options);
    const { id } = await server.client.createSession({ title: 'A test' });
    for await (const event of server.client.events()) {
      if (event.type === 'server.connected') await server.client.prompt(id, { text: 'Begin.' });
      if (event.type === 'message.part.updated' && JSON.stringify(event.properties).includes('"status":"running"'))
        break;
    }
    // Two of them: the one that left its session, and the one that is waited for.
    await expect.poll(() => survivors('sleep\0' + '1234'), { timeout: 20_000 }).toHaveLength(2);

    await server.stop();
    expect(await survivors(mark)).toEqual([]);
    expect(await survivors(markOf(server))).toEqual([]);
    // The database is closed and whole.
    const { stdout } = await stage.host.run(['head', '-c', '15', join(options.workspace.taskDirectory, 'opencode.db')]);
    expect(stdout.toString()).toBe('SQLite format 3');
    await server.stop();
    await expect(server.client.health()).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
  });

  it("takes a session elsewhere, its subagent's included", async (context) => {
    if (confine === 'required' && !stage.probe.canConfine) context.skip('needs bubblewrap: apt-get install bubblewrap');
    const subagent = {
      name: 'task',
      arguments: { description: 'Look', prompt: 'Look around.', subagent_type: 'general' },
    };
    const todos = {
      name: 'todowrite',
      arguments: { todos: [{ content: 'finish', status: 'pending', priority: 'high' }] },
    };
    script = ({ step, prompt }) => {
      if (prompt === 'Look around.') return { text: 'Nothing here.' };
      return [{ toolCalls: [todos] }, { toolCalls: [subagent] }][step] ?? { text: 'Remember pineapple — “ünïcode”.' };
    };
    const first = await launch(await optionsFor({ confine }));
    const { id } = await first.client.createSession({ title: 'A long session' });
    await turn(first, id);
    const exported = await first.exportSession(id);
    expect(exported.childCount).toBe(1);
    const chunks: Uint8Array[] = [];
    for await (const chunk of exported.content()) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const parsed = JSON.parse(bytes.toString('utf8')) as {
      optio: { todos: unknown[]; children: { info: { parentID: string } }[] };
    };
    expect(parsed.optio).toMatchObject({
      format: 1,
      opencodeVersion: stage.binary.version,
      children: [{ info: { parentID: id } }],
    });
    expect(parsed.optio.todos).toMatchObject([{ content: 'finish' }]);
    const messages = await first.client.messages(id);
    await first.stop();

    const elsewhere = await optionsFor({ confine });
    const content = pieces(bytes, 1000);
    expect(await importSession({ ...elsewhere, content })).toEqual({ sessionId: id, childCount: 1, failures: [] });
    expect(await readdir(elsewhere.workspace.temporaryDirectory)).not.toContainEqual(
      expect.stringContaining('import-'),
    );
    const second = await launch(elsewhere);
    expect(await second.client.session(id)).toMatchObject({
      directory: elsewhere.workspace.workdir,
      title: 'A long session',
    });
    expect(await second.client.messages(id)).toEqual(messages);
    expect(await second.client.children(id)).toMatchObject([{ parentId: id }]);

    script = ({ messages: conversation }) => ({
      text: `I remember ${conversation.some(({ text }) => text.includes('pineapple'))}`,
    });
    await turn(second, id, 'What do you remember?');
    expect((await second.client.messages(id)).at(-1)?.text).toBe('I remember true');
  });
});

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

describe('launchOpencode', () => {
  it('lets through what is kept but not what is scrubbed, and serves as web too', async () => {
    const server = await launch(await optionsFor({ mode: 'web', keepEnv: ['*'], scrubEnv: ['*_CANARY'] }));
    const { id } = await server.client.createSession({ title: 'A test' });
    const seen = await environmentOf(server, id);
    expect(seen).toContain('OPTIO_TEST_WANTED=must-be-seen\n');
    expect(seen).not.toContain('must-not-be-seen');
  });
});

describe('importSession', () => {
  it('refuses what is not a whole export, and says what opencode refuses', async () => {
    const options = await optionsFor();
    const refused = async (text: string): Promise<unknown> =>
      importSession({ ...options, content: pieces(Buffer.from(text), 7) }).catch((error: unknown) => error);
    expect(await refused('{"info":{"id":"ses_1"},"messages":[')).toMatchObject({ code: 'EXPORT_INVALID' });
    expect(await refused('{"info":{"id":"ses_1"}}')).toMatchObject({ code: 'EXPORT_INVALID' });
    expect(await refused('null')).toMatchObject({ code: 'EXPORT_INVALID' });
    // Whole as JSON, but not what opencode takes: only now is it run.
    expect(await refused('{"info":{"id":"ses_1"},"messages":[]}')).toMatchObject({ code: 'IMPORT_FAILED' });
    expect(await readdir(options.workspace.temporaryDirectory)).not.toContainEqual(expect.stringContaining('import-'));
  });
});

describe('launchOpencode that fails', () => {
  it('refuses to run unconfined where it must not, before anything is written', async () => {
    const options = await optionsFor({ confine: 'required', probe: { ...stage.probe, canConfine: false } });
    expect(await failureOf(options)).toMatchObject({ code: 'CONFINEMENT_UNAVAILABLE' });
    expect(await readdir(options.workspace.workdir)).not.toContain('opencode.json');
  });

  it('warns where it would rather be confined', async () => {
    const warnings: string[] = [];
    const probe = { ...stage.probe, canConfine: false };
    const server = await launch(
      await optionsFor({ confine: 'auto', probe, onWarning: ({ code }) => warnings.push(code) }),
    );
    expect([server.isConfined, warnings]).toEqual([false, ['NOT_CONFINED']]);
  });

  it('says that its port is taken', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const options = await optionsFor({ port });
    const error = await failureOf(options);
    other.close();
    expect(error).toMatchObject({ code: 'PORT_TAKEN', message: expect.stringContaining(String(port)) as string });
    expect(await survivors(options.workspace.taskDirectory)).toEqual([]);
  });

  it('says what is wrong with the configuration of the task, without its keys', async () => {
    const provider = { broken: { options: { apiKey: 'key-in-the-task' }, models: 5 } };
    const options = await optionsFor({ config: { provider } });
    const error = await failureOf(options);
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('opencode.json') as string,
    });
    expect(error.message).toContain('provider.broken.models');
    expect(error.message).not.toContain('key-in-the-task');
    expect(await survivors(options.workspace.taskDirectory)).toEqual([]);
  });

  it('says what is wrong with the configuration of the home, without its keys', async () => {
    const options = await optionsFor();
    const directory = join(options.workspace.home, '.config/opencode');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'opencode.json'), '{"provider":{"x":{"options":{"apiKey":"key-in-the-home"}}},,}');
    const error = await failureOf(options);
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('home/.config/opencode') as string,
    });
    expect(error.message).not.toContain('key-in-the-home');
  });

  it('says that its home cannot be written', async () => {
    const options = await optionsFor({ isPrepared: true });
    await writeFile(options.workspace.home, 'a file').catch(() => undefined); // a directory already
    const env = { HOME: '/proc/version', XDG_DATA_HOME: '/proc/version', XDG_STATE_HOME: '/proc/version' };
    expect(await failureOf({ ...options, env })).toMatchObject({ code: 'HOME_NOT_WRITABLE' });
  });

  it('says that its database is broken', async () => {
    const options = await optionsFor();
    await writeFile(
      join(options.workspace.taskDirectory, 'opencode.db'),
      'not a database, and long enough to be read as one'.repeat(100),
    );
    expect(await failureOf(options)).toMatchObject({ code: 'DATABASE_UNUSABLE' });
  });

  it('says that it ended, how, and what it printed', async () => {
    const path = join(stage.root, 'not-opencode');
    await writeFile(path, '#!/bin/sh\necho "this is not opencode: $OPENCODE_SERVER_PASSWORD" >&2\nexit 3\n', {
      mode: 0o700,
    });
    const error = await failureOf(await optionsFor({ binary: { ...stage.binary, path } }));
    expect(error).toMatchObject({
      code: 'EXITED_EARLY',
      message: expect.stringContaining('with exit code 3') as string,
    });
    expect(error.message).toContain('this is not opencode: [redacted]');
  });

  it('says that another version answers', async () => {
    const error = await failureOf(await optionsFor({ binary: { ...stage.binary, version: '0.0.1' } }));
    expect(error).toMatchObject({
      code: 'VERSION_MISMATCH',
      message: expect.stringContaining(stage.binary.version) as string,
    });
  });

  it('gives up in time, and leaves nothing', async () => {
    const options = await optionsFor({ startupTimeoutMs: 300 });
    expect(await failureOf(options)).toMatchObject({ code: 'START_TIMEOUT' });
    expect(await survivors(options.workspace.taskDirectory)).toEqual([]);
  });

  it('ends when it is aborted, and leaves nothing', async () => {
    const abort = new AbortController();
    const options = await optionsFor({ abortSignal: abort.signal });
    const failed = failureOf(options);
    await expect.poll(() => survivors(options.workspace.taskDirectory), { timeout: 20_000 }).not.toEqual([]);
    abort.abort();
    expect(await failed).toMatchObject({ code: 'ABORTED' });
    expect(await survivors(options.workspace.taskDirectory)).toEqual([]);
  });
});

describe('OpencodeClient', () => {
  it('shows what the agent waits for, and lets it go on', async () => {
    const question = {
      question: 'Which colour?',
      header: 'Colour',
      options: [
        { label: 'Blue', description: 'as the sky' },
        { label: 'Red', description: 'as a rose' },
      ],
    };
    script = ({ step, messages }) =>
      [
        { toolCalls: [logLines(['STATUS: allowed'])] },
        { toolCalls: [{ name: 'question', arguments: { questions: [question] } }] },
      ][step] ?? {
        text: `done: ${messages.at(-1)?.text ?? ''}`,
      };
    const server = await launch(await optionsFor({ isAttended: true, config: { permission: { bash: 'ask' } } }));
    const { client } = server;
    const { id } = await client.createSession({ title: 'A test' });
    for await (const event of client.events()) {
      if (event.type === 'server.connected') await client.prompt(id, { text: 'Begin.' });
      if (event.type === 'permission.asked') {
        const [request, ...others] = await client.permissions.list();
        expect([request?.sessionId, request?.permission, others]).toEqual([id, 'bash', []]);
        expect([...(await client.status())]).toEqual([[id, { type: 'busy' }]]);
        await client.permissions.reply(request?.id ?? '', { reply: 'once' });
      }
      if (event.type === 'question.asked') {
        const [request] = await client.questions.list();
        expect(request).toMatchObject({ sessionId: id, questions: [{ question: 'Which colour?', isMultiple: false }] });
        await client.questions.reply(request?.id ?? '', { answers: [['Blue']] });
      }
      if (event.type === 'session.idle' && event.sessionId === id) break;
    }
    const messages = await client.messages(id);
    expect(messages.at(-1)?.text).toContain('Blue');
    expect(messages.flatMap(({ toolCalls }) => toolCalls)).toEqual([
      { tool: 'bash', status: 'completed' },
      { tool: 'question', status: 'completed' },
    ]);
  });

  it('tells why a model failed, and aborts one that hangs', async () => {
    script = () => ({ status: 401, message: 'Incorrect API key' });
    const server = await launch(await optionsFor());
    const { client } = server;
    const { id } = await client.createSession({ title: 'A test' });
    await turn(server, id);
    expect((await client.messages(id)).at(-1)?.error).toMatchObject({
      name: 'APIError',
      message: 'Incorrect API key',
      statusCode: 401,
    });

    script = () => ({ hangs: true });
    const count = model.requests.length;
    const hung = turn(server, id, 'Go on.');
    await model.waitForRequest(({ index, kind }) => index >= count && kind === 'agent');
    await client.abort(id);
    await hung;
    expect((await client.messages(id)).at(-1)?.error?.name).toBe('MessageAbortedError');
    expect(await server.outputTail()).toContain('opencode server listening on http://127.0.0.1:');
  });

  it('knows a session that is not there', async () => {
    const server = await launch(await optionsFor());
    await expect(server.client.session('ses_none')).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND', status: 404 });
    await expect(server.exportSession('ses_none')).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
  });
});
