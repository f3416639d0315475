import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

import { createLocalHost } from '@optio-ts/host-core';
import { ensureOpencode } from '@optio-ts/opencode-installer';
import { stringify } from 'yaml';

import type { CommandContext } from '../src/lib/commands/context.ts';
import { runCommand } from '../src/lib/commands/run.ts';
import { emptyConfig } from '../src/lib/config/worker-config.ts';
import type { Interrupts } from '../src/lib/interrupts.ts';
import { printableText } from '../src/lib/printable.ts';
import type { TaskSummary } from '../src/lib/report/reporter.ts';
import { FIRST_TASK, SECOND_TASK, startDemoModel } from './scripted-task.ts';

const KEY_VARIABLE = 'OPTIO_DEMO_MODEL_KEY';

/** Runs the demo: two task files through the very code of `optio run`. Returns the exit code. */
export async function runDemo(interrupts: Interrupts): Promise<number> {
  const root = demoDirectory();
  await mkdir(root, { recursive: true, mode: 0o700 });
  await using model = await startDemoModel();
  const context: CommandContext = {
    cwd: root,
    home: homedir(),
    env: { ...process.env, [KEY_VARIABLE]: model.apiKey },
    interrupts,
    config: emptyConfig(join(root, 'config.yaml')),
    places: {
      store: join(root, 'optio.db'),
      identity: join(root, 'identity.txt'),
      logs: join(root, 'logs'),
    },
    outputRoot: join(root, 'optio-out'),
    stdout: process.stdout,
    stderr: process.stderr,
  };

  say('1. A session that logs in to a model, delivers a report, and keeps its login as a seed\n');
  const first = await run('first.yaml', context, {
    task: FIRST_TASK,
    model: { provider: 'scripted', name: 'scripted-model', baseUrl: model.baseUrl, apiKey: `env:${KEY_VARIABLE}` },
    deadline: '5m',
    saveSeed: 'optio demo',
  });
  if (first.exitCode !== 0) return first.exitCode;
  if (first.seedId === undefined) throw new Error('The first session ended well and kept no seed');

  say('\n2. A session that starts from that seed, and from nothing else\n');
  const second = await run('second.yaml', context, { task: SECOND_TASK, seed: first.seedId, deadline: '5m' });
  if (second.exitCode !== 0) return second.exitCode;

  say(
    [
      '\nWhere everything is',
      `  first session   ${first.sessionId}`,
      `  second session  ${second.sessionId}`,
      `  seed            ${first.seedId} (encrypted)`,
      `  store           ${context.places.store}`,
      `  key             ${context.places.identity} (whoever loses it, loses what the store holds)`,
      `  opencode        ${await opencodePath()}`,
      `  task files      ${join(root, 'first.yaml')}`,
      `                  ${join(root, 'second.yaml')}`,
      ...[first, second].flatMap(({ deliverables }) => deliverables).map((path) => `  delivered       ${path}`),
      '',
    ].join('\n'),
  );
  return 0;
}

/** Writes a task file as a user would, runs it, and prints what was delivered. */
async function run(name: string, context: CommandContext, task: object): Promise<TaskSummary> {
  const file = join(context.cwd, name);
  await writeFile(file, stringify(task));
  const summary = await runCommand(file, {}, context);
  for (const path of summary.deliverables) {
    const text = printableText(await readFile(path, 'utf8'));
    say(`\n${text.trimEnd().replaceAll(/^/gm, '    ')}\n`);
  }
  return summary;
}

/** Where the sessions found it: installed by now, so this only looks. */
async function opencodePath(): Promise<string> {
  await using host = createLocalHost();
  return (await ensureOpencode(host)).path;
}

function demoDirectory(): string {
  const data = process.env['XDG_DATA_HOME'];
  return join(data !== undefined && isAbsolute(data) ? data : join(homedir(), '.local/share'), 'optio-demo');
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
