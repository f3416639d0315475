import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { isSoak, SCRIPTED_MODEL, startCampaign, startScriptedModel, taskScript } from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel } from '@optio-ts/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startOtlpReceiver } from './testing/otlp-receiver.ts';
import type { OtlpReceiver } from './testing/otlp-receiver.ts';
import { scriptedTaskLines } from './testing/scripted-task.ts';
import { processesKnowing, startOptio } from './testing/start-optio.ts';
import type { RunningOptio } from './testing/start-optio.ts';

// Twenty rounds of a session each under `pnpm soak`.
const CAMPAIGN_CEILING_MS = isSoak ? 3_600_000 : 600_000;

/** What a session takes on an idle machine. */
const SESSION_MS = 6000;

const KEY = 'sk-of-the-scripted-model';

let directory: string;
let model: ScriptedModel;
let script: ModelScript;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-run-'));
  script = taskScript({ deliverables: { 'report.md': '# Report\n', 'data/numbers.csv': '1,2\n' } });
  model = await startScriptedModel({ apiKey: KEY, script: (request) => script(request) });
});
afterEach(async () => {
  await model.close();
  const left = await processesKnowing(directory);
  for (const { pid } of left) process.kill(pid, 'SIGKILL');
  await rm(directory, { recursive: true, force: true });
  expect(left).toEqual([]);
});

async function writeTask(more = ''): Promise<void> {
  await writeFile(
    join(directory, 'task.yaml'),
    `task: Write the report.
${scriptedTaskLines(model.url, 'env:MODEL_KEY')}id: nightly
${more}`,
  );
}

function optio(...args: string[]): RunningOptio {
  return startOptio(args, { directory, env: { MODEL_KEY: KEY } });
}

/** The same, with its spans sent to a collector. */
function tracedOptio(collector: OtlpReceiver, ...args: string[]): RunningOptio {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const about = { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test', TRACEPARENT: traceparent };
  const env = { MODEL_KEY: KEY, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...about };
  return startOptio(args, { directory, env });
}

async function taskDirectories(): Promise<string[]> {
  return readdir(join(directory, '.local/state/optio-opencode')).catch(() => []);
}

// A session takes ten times as long on a machine that is busy.
describe('optio run', { timeout: 300_000 }, () => {
  it('runs a task, saves what it delivers, and keeps its login as a seed', async () => {
    await mkdir(join(directory, 'project/src'), { recursive: true });
    await writeFile(join(directory, 'project/src/main.c'), 'int main;');
    await writeTask('files: project\nsaveSeed: nightly login\n');
    await using collector = await startOtlpReceiver();
    const first = tracedOptio(collector, 'run', 'task.yaml');
    expect(await first.exited, first.stderr).toBe(0);
    const out = join(directory, 'optio-out/nightly');
    expect(first.stdout).toBe(`${join(out, 'report.md')}\n${join(out, 'data/numbers.csv')}\n`);
    expect(await readFile(join(out, 'report.md'), 'utf8')).toBe('# Report\n');
    expect(first.stderr).toMatch(/^\d\d:\d\d:\d\d made a new key: .*identity\.txt; keep a copy/);
    expect(first.stderr).toMatch(
      /done after .*: the report is written \(task nightly, session [0-9a-f]{24}, seed \w+\)/,
    );
    expect(await taskDirectories()).toEqual([]);
    expect((await stat(join(directory, '.local/share/optio/optio.db'))).mode & 0o777).toBe(0o600);

    const [task] = collector.spans.filter(({ name }) => name === 'task');
    expect(task).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      parentSpanId: 'b7ad6b7169203331',
      status: { code: 1 },
      attributes: { 'optio.task.id': 'nightly', 'optio.host': 'local', 'optio.start': 'begun', 'optio.state': 'done' },
      resource: { 'service.name': 'optio', 'deployment.environment': 'test' },
    });
    const below = (name: string): string[] => {
      const parent = collector.spans.find((span) => span.name === name)?.spanId;
      return collector.spans.flatMap((span) => (span.parentSpanId === parent ? [span.name] : [])).toSorted();
    };
    expect(below('task').filter((name) => name !== 'install')).toEqual([
      'connect',
      'files',
      'launch',
      'prepare',
      'teardown',
      'work',
    ]);
    expect(below('teardown')).toEqual(['export', 'keep', 'stop']);
    expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(collector.text).not.toMatch(new RegExp(`${KEY}|the report is written`));

    const seeds = optio('seeds', 'ls', '--json');
    expect(await seeds.exited).toBe(0);
    expect(JSON.parse(seeds.stdout)).toMatchObject({ label: 'nightly login', model: `scripted/${SCRIPTED_MODEL}` });

    for (const text of [first.stdout, first.stderr, seeds.stdout]) {
      expect(text).not.toContain(KEY);
    }
    expect((await readFile(join(directory, '.local/share/optio/optio.db'))).includes(KEY)).toBe(false);
  });

  it('ends with 1 when the agent gives up', async () => {
    script = taskScript({ deliverables: {}, ending: 'ERROR: no access to \u001b]0;x\u0007the archive' });
    await writeTask();
    const run = optio('run', 'task.yaml');
    expect(await run.exited, run.stderr).toBe(1);
    expect(run.stderr).toMatch(/failed after .*no access to/);
    expect(run.stderr).not.toContain('\u001b');
    expect(run.stdout).toBe('');
  });

  it('sends spans of a task that cannot begin, and is held up by no collector', async () => {
    await writeTask('host: bad$name\n');
    await using collector = await startOtlpReceiver();
    const run = tracedOptio(collector, 'run', 'task.yaml');
    expect(await run.exited, run.stderr).toBe(2);
    expect(collector.spans).toMatchObject([{ name: 'task', status: { code: 2 } }]);
    await collector[Symbol.asyncDispose]();
    const unheard = tracedOptio(collector, 'run', 'task.yaml');
    expect(await unheard.exited, unheard.stderr).toBe(2);
    expect(unheard.stderr).toMatch(/^optio: OpenTelemetry: no spans sent: /m);
    await using mute = await startOtlpReceiver({ isMute: true });
    const waiting = tracedOptio(mute, 'run', 'task.yaml');
    expect(await waiting.exited, waiting.stderr).toBe(2);
    expect(waiting.stderr).toMatch(/^optio: OpenTelemetry: no spans sent: the collector does not answer within 3 s$/m);
  });

  it('refuses a broken task file before anything is started or made', async () => {
    await writeFile(join(directory, 'task.yaml'), 'tsak: x\nmodel: { provider: a, name: b, apiKey: sk-literal }\n');
    const run = optio('run', 'task.yaml');
    expect(await run.exited).toBe(2);
    expect(run.stderr.split('\n')).toEqual([
      'task.yaml:1: task: is missing: what the agent is to do',
      'task.yaml:1: tsak: is not a field here; did you mean task?',
      expect.stringMatching(/^task\.yaml:2: model\.apiKey: holds a value where a reference belongs/),
      '',
    ]);
    expect(run.stdout).toBe('');
    expect(await readdir(directory)).toEqual(['task.yaml']);
    expect(model.requests).toEqual([]);
  });

  it('refuses to deliver where its own store and key are', async () => {
    await writeTask('deliverables: .\n');
    const run = optio('run', 'task.yaml');
    expect(await run.exited).toBe(2);
    expect(run.stderr).toMatch(/^task\.yaml:5: deliverables: holds .*identity\.txt, which a deliverable could replace/);
    expect(await readdir(directory)).toEqual(['task.yaml']);
  });

  it('refuses a seed that is not there, with the line that names it', async () => {
    await writeFile(join(directory, 'task.yaml'), 'task: x\nseed: 65a1b2c3d4e5f60718293a4b\n');
    const run = optio('run', 'task.yaml');
    expect(await run.exited).toBe(2);
    expect(run.stderr).toContain('task.yaml:2: seed: is not in the store; optio seeds ls shows what is\n');
  });

  it('ends in good order on SIGTERM', async () => {
    script = () => ({ hangs: true });
    await writeTask();
    const run = optio('run', 'task.yaml');
    await Promise.race([model.waitForRequest(() => true), run.exited]);
    run.kill('SIGTERM');
    expect(await run.exited, run.stderr).toBe(3);
    expect(run.stderr).toMatch(/ending the session in good order/);
    expect(run.stderr).toMatch(/cancelled after .*interrupted by SIGTERM/);
    expect(await processesKnowing(directory)).toEqual([]);
    expect(await taskDirectories()).toEqual([]);
  });

  it('ends at once on a second signal, whatever the agent does', async () => {
    script = () => ({ hangs: true });
    await writeTask();
    const run = optio('run', 'task.yaml');
    await Promise.race([model.waitForRequest(() => true), run.exited]);
    // A server that does not answer any more keeps an end in good order waiting.
    const servers = (await processesKnowing(directory)).filter(({ command }) => command.includes('opencode serve'));
    expect(servers).not.toEqual([]);
    for (const { pid } of servers) process.kill(pid, 'SIGSTOP');
    run.kill('SIGHUP');
    await run.printed(/ending the session in good order/);
    // What comes within half a second counts as the same press.
    const pressing = setInterval(() => run.kill('SIGINT'), 700);
    const exitCode = await run.exited;
    clearInterval(pressing);
    expect(exitCode, run.stderr).toBe(130);
    expect(await processesKnowing(directory)).toEqual([]);
  });

  it(
    'leaves nothing running and a store that works, whenever Ctrl-C comes',
    async () => {
      const campaign = startCampaign('Ctrl-C during optio run', { sample: 1, full: 20 });
      await writeTask('saveSeed: true\n');
      for (let round = 0; round < campaign.rounds; round += 1) {
        const run = optio('run', 'task.yaml');
        const press = setTimeout(() => run.kill('SIGINT'), campaign.random() * SESSION_MS);
        const exitCode = await run.exited;
        clearTimeout(press);
        expect([0, 3, 'SIGINT'], run.stderr).toContain(exitCode);
        if (exitCode === 3) expect(run.stderr).toMatch(/interrupted by SIGINT/i);
        expect(await processesKnowing(directory), run.stderr).toEqual([]);
        expect(await taskDirectories(), run.stderr).toEqual([]);
      }
      const last = optio('run', 'task.yaml');
      expect(await last.exited, last.stderr).toBe(0);
    },
    CAMPAIGN_CEILING_MS,
  );
});
