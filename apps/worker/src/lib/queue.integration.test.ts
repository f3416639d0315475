import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createId } from '@optio-ts/seed-engine';
import { logLines, runCommand, startScriptedModel, writeFile as writeTool } from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { callOptio } from './testing/call-optio.ts';
import { clearPlace } from './testing/clear-place.ts';
import { scriptedTaskLines } from './testing/scripted-task.ts';
import { startOptio } from './testing/start-optio.ts';

const KEY = 'sk-of-the-scripted-model';

let directory: string;
let model: ScriptedModel;
let env: Record<string, string>;

/** Waits for a file in the workdir, then delivers and is done. */
const script: ModelScript = ({ step }) => {
  if (step === 0) return { toolCalls: [logLines(['STATUS: 10% begun'])] };
  if (step === 1) return { toolCalls: [runCommand('while ! [ -e go ]; do sleep 0.05; done')] };
  if (step === 2) return { toolCalls: [writeTool('deliverables/report.md', '# Report\n')] };
  if (step === 3) return { toolCalls: [logLines(['DELIVERABLE: deliverables/report.md', 'DONE: all green'])] };
  return { text: 'done' };
};

const scripted = (): string => scriptedTaskLines(model.url, 'key:scripted');

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-queue-'));
  model = await startScriptedModel({ apiKey: KEY, script });
  const url = new URL(inject('mongoUri') ?? 'mongodb://none');
  url.pathname = `/queue-${createId()}`;
  const config = `keys: { scripted: env:MODEL_KEY }\ndeliverables: delivered\nhooks: { notify: notify.mjs }\n`;
  await writeFile(join(directory, 'config.yaml'), `${config}machine: one\n`);
  await writeFile(join(directory, 'other.yaml'), `${config}machine: other\n`);
  await writeFile(join(directory, 'notify.mjs'), 'export function beforeExecute() {}\n');
  env = { MODEL_KEY: KEY, OPTIO_STORE: url.href, OPTIO_CONFIG: join(directory, 'config.yaml') };
});
afterAll(async () => {
  await model.close();
  expect(await clearPlace(directory, inject('mongoUri') === undefined ? undefined : env['OPTIO_STORE'])).toEqual([]);
});

const optio = (...args: string[]) => callOptio(args, { directory, env });

async function write(name: string, text: string): Promise<string> {
  await writeFile(join(directory, `${name}.yaml`), text);
  return `${name}.yaml`;
}

describe('the queue', { timeout: 300_000 }, () => {
  it('gives tasks to a worker, with keys and hooks of its own, and tells how they ended', async (ctx) => {
    if (inject('mongoUri') === undefined) return ctx.skip(`needs ${inject('mongoMissing')}`);
    await optio('keys', 'new');
    const file = await write('nightly', `task: Write the report.\nid: nightly\nhooks: notify\n${scripted()}`);
    expect((await optio('submit', file)).stdout).toBe('submitted  nightly\n');
    expect((await optio('submit', file)).stderr).toMatch(/^optio: a task nightly is in the queue or runs already/);
    await optio('submit', await write('later', `task: x\nid: later\n${scripted()}`));
    expect((await optio('queue', 'ls')).stdout).toMatch(/^nightly +waiting .*\nlater +waiting /);
    expect((await optio('queue', 'rm', 'later')).stdout).toBe('removed  later\n');
    // What this worker does not have is refused, and nothing is started for it.
    await optio('submit', await write('far', `task: x\nid: far\nhost: nowhere\n${scripted()}`));
    await optio(
      'submit',
      await write('keyless', `task: x\nid: keyless\nmodel: { provider: a, name: b, apiKey: key:other }\n`),
    );
    const work = (name: string, ...more: string[]) =>
      startOptio(['work', '--lease', '3s', '--name', name, '--log', 'json', ...more], { directory, env });
    const logOf = ({ stderr }: { readonly stderr: string }) =>
      stderr
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const first = work('w1', '--jobs', '2');
    await Promise.race([model.waitForRequest(({ step }) => step === 1), first.exited]);
    expect((await optio('queue', 'ls')).stdout).toMatch(/^nightly +at work /);
    first.kill('SIGKILL');
    await first.exited;

    // A worker elsewhere has one place, which a session of that machine does not keep from other tasks.
    await optio('submit', await write('hookless', `task: x\nid: hookless\nhooks: other\n${scripted()}`));
    const elsewhere = work('w2', '--drain', '--config', 'other.yaml');
    expect(await elsewhere.exited, elsewhere.stderr).toBe(0);
    expect(logOf(elsewhere).filter(({ worker }) => worker !== 'w2')).toEqual([]);
    expect((await optio('queue', 'ls')).stdout).toMatch(/^nightly +left on one .*\n$/);

    await writeFile(join(directory, '.local/state/optio-opencode/nightly/workdir/go'), '');
    const worker = work('w3', '--drain');
    expect(await worker.exited, worker.stderr).toBe(0);
    expect(logOf(worker).find(({ state }) => state === 'done')).toMatchObject({
      taskId: 'nightly',
      level: 'info',
      exitCode: 0,
    });
    expect(await readFile(join(directory, 'delivered/nightly/report.md'), 'utf8')).toBe('# Report\n');
    const { stdout } = await optio('queue', 'ls', '--all', '--json');
    const tasks = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { taskId: string; attempt: number; outcome: Record<string, unknown> });
    expect(Object.fromEntries(tasks.map(({ outcome, taskId }) => [taskId, outcome['state']]))).toEqual({
      nightly: 'done',
      later: 'cancelled',
      far: 'refused',
      keyless: 'refused',
      hookless: 'refused',
    });
    expect(tasks.find(({ taskId }) => taskId === 'far')?.outcome['message']).toMatch(
      /has no host "nowhere"; it has local/,
    );
    expect(tasks.find(({ taskId }) => taskId === 'nightly')).toMatchObject({ attempt: 3, outcome: { worker: 'w3' } });
    const sessions = (await optio('ls', '--json')).stdout.trimEnd().split('\n');
    expect(sessions).toHaveLength(1);
    expect(`${stdout}${first.stderr}${worker.stderr}`).not.toContain(KEY);

    // It goes on where it ended: the file it waits for is there already.
    expect((await optio('submit', file, '--resume', '-m', 'Now translate it.')).stdout).toBe('submitted  nightly\n');
    const again = work('w4', '--drain');
    expect(await again.exited, again.stderr).toBe(0);
    expect(JSON.stringify(model.requests.at(-1))).toMatch(/brought back[^]*Now translate it\./);
    expect(await optio('submit', 'far.yaml', '--resume')).toMatchObject({
      code: 2,
      stderr: 'optio: there is no snapshot of task far to go on from; submit it without --resume\n',
    });
    expect((await optio('submit', file, '-m', 'x')).stderr).toBe(
      'optio: -m is for --resume, of a task that has ended\n',
    );
  });

  it.each([
    ['hooks: ./mine.mjs', /hooks: a queued task names hooks of the worker's configuration, and no module/],
    ['files: ./project', /files: a queued task gets its files from a git repository/],
    ['files: file:///srv/repository', /files: a queued task gets its files from a git repository/],
    ['deliverables: ./out', /deliverables: a queued task is delivered where the worker keeps such things/],
    ['env: { A_TOKEN: env:HOME }', /env.A_TOKEN: a queued task names keys of the worker's configuration alone/],
    ['env: { A_TOKEN: file:/etc/passwd }', /env.A_TOKEN: a queued task names keys/],
  ])('takes no %s', async (line, message) => {
    const file = await write('wrong', `task: x\n${line}\nmodel: { provider: a, name: b, apiKey: key:a }\n`);
    const { code, stderr } = await optio('submit', file);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  it('is none without a MongoDB', async () => {
    const file = await write('nowhere', `task: x\n${scripted()}`);
    for (const args of [['submit', file], ['work'], ['queue', 'ls']]) {
      const { code, stderr } = await callOptio([...args, '--store', 'x.db'], { directory, env });
      expect(stderr).toMatch(/^optio: a queue is shared through a MongoDB: name one/);
      expect(code).toBe(2);
    }
  });
});
