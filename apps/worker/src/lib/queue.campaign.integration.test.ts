import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createId } from '@optio-ts/seed-engine';
import {
  isSoak,
  logLines,
  runCommand,
  startCampaign,
  startScriptedModel,
  writeFile as writeTool,
} from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel } from '@optio-ts/testkit';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';

import { callOptio } from './testing/call-optio.ts';
import { clearPlace } from './testing/clear-place.ts';
import { scriptedTaskLines } from './testing/scripted-task.ts';
import { startOptio } from './testing/start-optio.ts';
import type { RunningOptio } from './testing/start-optio.ts';

const KEY = 'sk-of-the-scripted-model';
// The sample has few tasks: with a third worker, the one that is killed would mostly have none.
const WORKERS = isSoak ? 3 : 2;

let directory: string;
let model: ScriptedModel;
let env: Record<string, string>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-workers-'));
  // Each agent writes its task's name down when it begins and when it is about to end: a task that ran twice stands there twice.
  const note = (file: string): string => `basename "$(dirname "$PWD")" >> '${join(directory, file)}'`;
  const script: ModelScript = ({ step }) => {
    if (step === 0) return { toolCalls: [logLines(['STATUS: 10% begun'])] };
    if (step === 1) return { toolCalls: [runCommand(`${note('begun')}; sleep 0.5`)] };
    if (step === 2) return { toolCalls: [writeTool('deliverables/report.md', '# Report\n')] };
    if (step === 3)
      return {
        toolCalls: [runCommand(note('ended')), logLines(['DELIVERABLE: deliverables/report.md', 'DONE: all green'])],
      };
    return { text: 'done' };
  };
  model = await startScriptedModel({ apiKey: KEY, script });
  const url = new URL(inject('mongoUri') ?? 'mongodb://none');
  url.pathname = `/workers-${createId()}`;
  await writeFile(join(directory, 'config.yaml'), `keys: { scripted: env:MODEL_KEY }\ndeliverables: delivered\n`);
  env = { MODEL_KEY: KEY, OPTIO_STORE: url.href, OPTIO_CONFIG: join(directory, 'config.yaml') };
});
afterEach(async () => {
  await model.close();
  expect(await clearPlace(directory, inject('mongoUri') === undefined ? undefined : env['OPTIO_STORE'])).toEqual([]);
});

interface Listed {
  readonly taskId: string;
  readonly state: string;
  readonly status?: string;
  readonly message?: string;
  readonly outcome?: { readonly state: string; readonly sessionId?: string; readonly message?: string };
}

async function list(...args: string[]): Promise<readonly Listed[]> {
  const { code, stderr, stdout } = await callOptio([...args, '--json'], { directory, env });
  expect(code, stderr).toBe(0);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Listed);
}

async function linesOf(file: string): Promise<readonly string[]> {
  return (await readFile(join(directory, file), 'utf8')).trimEnd().split('\n').toSorted();
}

describe('workers on one queue', () => {
  it(
    'end each task exactly once, whenever they are killed',
    async (ctx) => {
      if (inject('mongoUri') === undefined) return ctx.skip(`needs ${inject('mongoMissing')}`);
      const campaign = startCampaign('workers of a queue are killed', { sample: 1, full: 20 });
      const tasks = Array.from(
        { length: campaign.rounds * (isSoak ? 3 : 2) },
        (_, index) => `task-${String(index).padStart(2, '0')}`,
      );
      await callOptio(['keys', 'new'], { directory, env });
      for (const id of tasks) {
        const file = join(directory, `${id}.yaml`);
        await writeFile(
          file,
          `task: Write the report.\nid: ${id}\nconfine: off\n${scriptedTaskLines(model.url, 'key:scripted')}`,
        );
        expect(await callOptio(['submit', file], { directory, env })).toMatchObject({ code: 0 });
      }
      const workers: RunningOptio[] = [];
      const logs: string[] = [];
      const start = (index: number): void => {
        workers[index] = startOptio(['work', '--drain', '--lease', '3s', '--name', `w${index}`], { directory, env });
      };
      for (let index = 0; index < WORKERS; index += 1) start(index);
      for (let round = 0; round < campaign.rounds; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 500 + campaign.random() * 6000));
        const index = Math.floor(campaign.random() * WORKERS);
        const worker = workers[index];
        worker?.kill('SIGKILL');
        await worker?.exited;
        logs.push(worker?.stderr ?? '');
        start(index);
      }
      for (const worker of workers) expect(await worker.exited, worker.stderr).toBe(0);
      const said = [...logs, ...workers.map(({ stderr }) => stderr)].join('\n---\n');

      const queued = await list('queue', 'ls', '--all');
      const outcomes = queued.map(({ outcome, taskId }) => [taskId, outcome?.state, outcome?.message]);
      expect(outcomes, said).toEqual(tasks.map((id) => [id, 'done', 'all green']));
      // No agent was told its task twice, none came to its end twice, and the sessions say the same.
      expect(await linesOf('begun'), said).toEqual(tasks);
      expect(await linesOf('ended'), said).toEqual(tasks);
      const sessions = await list('ls', '--all');
      const done = sessions.filter(({ status }) => status === 'done');
      expect(done.map(({ taskId }) => taskId).toSorted(), said).toEqual(tasks);
      // Those whose worker died before their agent was told anything.
      for (const { message, status } of sessions) {
        if (status !== 'done') expect(message).toMatch(/its agent had not begun|nothing of it is left/);
      }
      for (const id of tasks) {
        expect(await readFile(join(directory, 'delivered', id, 'report.md'), 'utf8')).toBe('# Report\n');
      }
    },
    isSoak ? 3_600_000 : 300_000,
  );
});
