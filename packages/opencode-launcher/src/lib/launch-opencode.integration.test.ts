import { chmod, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { openWorkspace, RUN_ID_VARIABLE, runChecked } from '@optio-ts/host-core';
import { runCommand, taskScript } from '@optio-ts/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { findProcesses, setStage, takeTurn } from '../../test/stage.ts';
import type { Stage } from '../../test/stage.ts';
import type { LaunchOpencodeOptions } from './launch-opencode.ts';
import type { OpencodeServer } from './opencode-server.ts';

// A start takes 2 s on an idle machine and ten times that on a busy one.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let stage: Stage;

beforeAll(async () => {
  process.env['OPTIO_TEST_CANARY'] = 'must-not-be-seen';
  process.env['OPTIO_TEST_WANTED'] = 'must-be-seen';
  stage = await setStage();
});

afterEach(() => stage.stopServers());

afterAll(async () => {
  delete process.env['OPTIO_TEST_CANARY'];
  delete process.env['OPTIO_TEST_WANTED'];
  await stage?.[Symbol.asyncDispose]();
});

/** What a command of the agent sees. */
async function environmentOf(server: OpencodeServer, sessionId: string): Promise<string> {
  stage.play(({ step }) =>
    step === 0 ? { toolCalls: [runCommand('env; echo "ripgrep is $(command -v rg)"')] } : { text: 'ok' },
  );
  const count = stage.model.requests.length;
  await takeTurn(server, sessionId, 'Print your environment.');
  const answer = stage.model.requests.slice(count).findLast(({ kind, step }) => kind === 'agent' && step === 1);
  const seen = answer?.messages.findLast(({ role }) => role === 'tool')?.text ?? '';
  expect(seen).toMatch(/ripgrep is \/./);
  return seen;
}

const markOf = (server: OpencodeServer): string => `${RUN_ID_VARIABLE}=${server.process.runId}`;

describe.each(['off', 'required'] as const)('launchOpencode with confine: %s', (confine) => {
  it('runs a task: told by its AGENTS.md, by nobody above it, in an environment of its own', async (context) => {
    if (confine === 'required' && !stage.probe.canConfine) context.skip('needs bubblewrap: apt-get install bubblewrap');
    stage.play(
      taskScript({
        statuses: ['10% starting'],
        deliverables: {
          'report.md': ({ system }) => `The word is ${/the word (\w+)/.exec(system)?.[1] ?? 'missing'}.`,
        },
      }),
    );
    const options = await stage.optionsFor({ confine, env: { CUSTOM: 'custom' } });
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

    const server = await stage.launch(options);
    expect(server.isConfined).toBe(confine === 'required');
    const { id, directory } = await server.client.createSession({ title: 'A test' });
    expect(directory).toBe(workdir);
    await takeTurn(server, id);
    expect(await readFile(join(workdir, 'deliverables/report.md'), 'utf8')).toBe('The word is pineapple.');
    expect(await readFile(join(workdir, 'optio.log'), 'utf8')).toContain('DONE: the report is written');
    expect(JSON.stringify(stage.model.requests)).not.toContain('INTRUDER');
    expect(await server.client.lastModel(id)).toEqual({ providerId: 'scripted', modelId: 'scripted-model' });

    const seen = await environmentOf(server, id);
    expect(seen).toContain(`HOME=${workdir}/home\n`);
    expect(seen).toContain('CUSTOM=custom\n');
    expect(seen).not.toContain('be-seen');
    // Nothing was installed into the home, and nothing was shown in an argv.
    expect(await readdir(join(workdir, 'home/.config/opencode/node_modules'))).toEqual([]);
    const processes = await findProcesses(markOf(server));
    expect(processes.length).toBeGreaterThan(0);
    expect(processes.join('\n')).not.toContain(server.password);
  });
});

describe('launchOpencode', () => {
  it('is not led by what a second user has put into a parent directory', async (context) => {
    if (process.getuid?.() !== 0) context.skip('needs root: run the tests as root');
    // As /tmp: anybody may write there, and a task may lie below.
    const shared = join(stage.root, 'shared');
    await mkdir(shared);
    await chmod(shared, 0o1777);
    await chmod(stage.root, 0o755);
    const options = await stage.optionsFor();
    const workspace = await openWorkspace(stage.host, { taskId: 'led', taskRoot: join(shared, 'tasks') });
    const asNobody = (script: string, ...parameters: string[]): Promise<unknown> => {
      const identity = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      return runChecked(stage.host, [...identity, 'sh', '-c', script, 'sh', ...parameters], { cwd: shared });
    };
    const intruder = JSON.stringify({
      model: 'intruder/model',
      instructions: [join(shared, 'INTRUDER.md')],
      mcp: { intruder: { type: 'local', command: ['touch', join(shared, 'touched-by-mcp')], enabled: true } },
    });
    await asNobody(
      'for name in opencode.json opencode.jsonc; do printf %s "$1" >"$name"; done; echo INTRUDER | tee AGENTS.md >INTRUDER.md',
      intruder,
    );
    const touched = async (): Promise<string[]> => (await readdir(shared)).filter((name) => name.startsWith('touched'));

    stage.play(() => ({ text: 'ok' }));
    const talk = async (own: Partial<LaunchOpencodeOptions>): Promise<string> => {
      const count = stage.model.requests.length;
      const server = await stage.launch({ ...options, workspace, ...own });
      const { id } = await server.client.createSession({ title: 'A test' });
      await takeTurn(server, id);
      await server.stop();
      return JSON.stringify(stage.model.requests.slice(count));
    };
    expect(await talk({})).not.toContain('INTRUDER');
    expect(await touched()).toEqual([]);
    // Without what keeps it away it is read: otherwise the above would prove nothing.
    expect(await talk({ env: { OPENCODE_DISABLE_PROJECT_CONFIG: '' } })).toContain('INTRUDER');

    const plugin = `require('fs').writeFileSync(${JSON.stringify(join(shared, 'touched-by-plugin'))}, '')`;
    for (const name of await touched()) await rm(join(shared, name));
    await asNobody('mkdir -p .opencode/plugin && printf %s "$1" >.opencode/plugin/intruder.js', plugin);
    await expect(talk({})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`${join(shared, '.opencode')} is not yours`) as string,
    });
    if (stage.probe.canConfine) expect(await talk({ confine: 'required' })).not.toContain('INTRUDER');
    expect(await touched()).toEqual([]);
  });

  it('lets through what is kept but not what is scrubbed, and serves as web too', async () => {
    const server = await stage.launch(await stage.optionsFor({ mode: 'web', keepEnv: ['*'], scrubEnv: ['*_CANARY'] }));
    const { id } = await server.client.createSession({ title: 'A test' });
    const seen = await environmentOf(server, id);
    expect(seen).toContain('OPTIO_TEST_WANTED=must-be-seen\n');
    expect(seen).not.toContain('must-not-be-seen');
  });
});
