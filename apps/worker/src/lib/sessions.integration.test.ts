import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { changeDocument, sessionCollection } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { logLines, runCommand, startScriptedModel, writeFile as writeTool } from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { callOptio } from './testing/call-optio.ts';
import { digestTree } from './testing/digest-tree.ts';
import { scriptedTaskLines } from './testing/scripted-task.ts';
import { processesKnowing, startOptio } from './testing/start-optio.ts';

const KEY = 'sk-of-the-scripted-model';

let directory: string;
let model: ScriptedModel;

/** Says where it is, waits for a file in the workdir, changes what it was given, delivers, and is done. */
const script: ModelScript = ({ step }) => {
  if (step === 0) return { toolCalls: [logLines([`the key is ${KEY}`, 'STATUS: 10% begun'])] };
  if (step === 1) return { toolCalls: [runCommand('while ! [ -e go ]; do sleep 0.05; done')] };
  if (step === 2)
    return { toolCalls: [writeTool('main.c', 'int main(void);\n'), writeTool('deliverables/report.md', '# Report\n')] };
  if (step === 3) return { toolCalls: [logLines(['DELIVERABLE: deliverables/report.md', 'DONE: all green'])] };
  return { text: 'done' };
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-sessions-'));
  model = await startScriptedModel({ apiKey: KEY, script: (request) => script(request) });
  await mkdir(join(directory, 'project'));
  await writeFile(join(directory, 'project/main.c'), 'int main;\n');
  await mkdir(join(directory, 'project/node_modules'));
  await writeFile(join(directory, 'project/node_modules/x.js'), '');
  await writeFile(
    join(directory, 'task.yaml'),
    `task: Write the report.
id: nightly
files: project
${scriptedTaskLines(model.url, 'env:MODEL_KEY')}`,
  );
});
afterAll(async () => {
  await model.close();
  const left = await processesKnowing(directory);
  for (const { pid } of left) process.kill(pid, 'SIGKILL');
  await rm(directory, { recursive: true, force: true });
  expect(left).toEqual([]);
});

const env = { MODEL_KEY: KEY };
const optio = (...args: string[]) => callOptio(args, { directory, env });

async function json(...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, stderr, stdout } = await optio(...args, '--json');
  expect(code, stderr).toBe(0);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Waits until a session, which runs elsewhere, has reported something. */
async function reported(session: string, pattern: RegExp): Promise<void> {
  const logs = startOptio(['logs', '-f', session], { directory, env });
  await expect.poll(() => logs.stdout, { timeout: 240_000 }).toMatch(pattern);
  logs.kill('SIGINT');
  expect(await logs.exited).toBe(0);
}

const go = () => writeFile(join(directory, '.local/state/optio-opencode/nightly/workdir/go'), '');

/** One may have ended with another that was killed before it. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Starts a session and kills its worker when the agent is at work, and the agent where that is said; its lease is over by then. */
async function startAndLose(how?: 'with its agent'): Promise<string> {
  const run = startOptio(['run', 'task.yaml', '--detach'], { directory, env });
  expect(await run.exited, run.stderr).toBe(0);
  const sessionId = run.stdout.trim();
  await reported(sessionId, /10% begun/);
  for (const { command, pid } of await processesKnowing(directory)) {
    if (command.includes('--background') || how !== undefined) killIfThere(pid);
  }
  await using store = createSqliteStore(join(directory, '.local/share/optio/optio.db'));
  await changeDocument(store, sessionCollection, sessionId, (current) => ({
    ...current,
    owner: { ...(current['owner'] as object), leaseExpiresAt: new Date(0) },
  }));
  return sessionId;
}

describe('a session in the background', { timeout: 300_000 }, () => {
  it('is watched, read and pulled from other processes, resumed, and cancelled', async () => {
    const detached = startOptio(['run', 'task.yaml', '--detach', '--json'], { directory, env });
    expect(await detached.exited, detached.stderr).toBe(0);
    const { log, sessionId, taskId } = JSON.parse(detached.stdout) as Record<string, string>;
    if (sessionId === undefined || log === undefined) throw new Error(detached.stdout);
    expect(taskId).toBe('nightly');
    await reported(sessionId, /10% begun/);

    expect(await json('ls')).toEqual([
      expect.objectContaining({ sessionId, taskId: 'nightly', state: 'live', status: 'live' }),
    ]);
    const [shown] = await json('show', sessionId.slice(0, 12));
    expect(shown).toMatchObject({
      sessionId,
      file: 'task.yaml',
      outputDirectory: join(directory, 'optio-out/nightly'),
    });
    expect((await optio('resume', 'nightly')).stderr).toBe(
      'optio: task nightly has not ended; optio attach watches it\n',
    );
    // A second one would have to share its directory, and would stand before it in all that goes by the task's name.
    for (const how of [[], ['--detach']]) {
      expect(await optio('run', 'task.yaml', ...how)).toMatchObject({
        code: 2,
        stderr: `optio: task nightly is at work in session ${sessionId}; optio attach ${sessionId} watches it, optio cancel ${sessionId} ends it, another id makes another task\n`,
      });
    }
    await json('pull', sessionId, 'live');
    expect(await readdir(join(directory, 'live'))).toEqual(['main.c', 'node_modules']);

    const attached = startOptio(['attach', 'nightly'], { directory, env });
    await attached.printed(/10% begun/);
    await go();
    expect(await attached.exited, attached.stderr).toBe(0);
    const report = join(directory, 'optio-out/nightly/report.md');
    expect(attached.stdout).toBe(`${report}\n`);
    expect(attached.stderr).toMatch(/done after .*: all green \(task nightly/);
    expect(await readFile(report, 'utf8')).toBe('# Report\n');
    expect(await readFile(log, 'utf8')).toMatch(/done after .*: all green/);
    const logs = await optio('logs', sessionId);
    expect(logs.stdout).toMatch(/^\d\d:\d\d:\d\d agent: 10% begun$/m);
    // What an agent repeats is for a person's eyes, and not for a file.
    expect(await readFile(log, 'utf8')).toMatch(/agent: the key is \[redacted\]$/m);
    expect(await readFile(log, 'utf8')).not.toContain(KEY);

    await json('pull', 'nightly', 'after');
    expect(await readFile(join(directory, 'after/main.c'), 'utf8')).toBe('int main(void);\n');
    expect((await optio('pull', 'nightly', 'after')).stderr).toMatch(/^optio: .*after is not empty/);
    expect(await optio('pull', 'nightly', '/proc/optio')).toMatchObject({
      code: 2,
      stderr: 'optio: cannot write to /proc/optio: there is no such file or directory\n',
    });
    // What somebody has changed here since is none of the agent's work.
    await writeFile(join(directory, 'project/main.c'), 'int changed_here;\n');
    await writeFile(join(directory, 'project/new.c'), '');
    const patch = await optio('pull', 'nightly', '--patch');
    expect(patch.stdout).toMatch(/^--- a\/main\.c\n\+\+\+ b\/main\.c\n@@ .* @@\n-int main;\n\+int main\(void\);$/m);
    expect(patch.stdout).not.toMatch(/AGENTS|optio\.log|home\/|changed_here|new\.c|node_modules/);
    expect(patch.stderr).toBe('');

    // It goes on where it ended: the file it waits for is there already.
    await rename(join(directory, 'project'), join(directory, 'elsewhere'));
    const text = await readFile(join(directory, 'task.yaml'), 'utf8');
    await writeFile(join(directory, 'more.yaml'), text.replace('Write the report.', 'Write it in verse.'));
    const words = ['--task', 'more.yaml', '-m', 'Now translate it.'];
    const resumed = startOptio(['resume', 'nightly', ...words, '--json'], { directory, env });
    expect(await resumed.exited, resumed.stderr).toBe(0);
    expect(resumed.stdout).not.toContain('NOTHING_TO_RESUME');
    expect(JSON.stringify(model.requests.at(-1))).toMatch(/brought back[^]*Now translate it\./);
    expect((await json('show', 'nightly'))[0]).toMatchObject({ taskId: 'nightly', file: 'more.yaml' });
    await rename(join(directory, 'elsewhere'), join(directory, 'project'));
    expect(await json('snapshots', 'ls', 'nightly')).toHaveLength(2);
    expect((await json('ls')).map(({ status }) => status)).toEqual(['done', 'done']);

    // A worker that is killed leaves its agent at work, and another process ends it, as it is asked to.
    const second = await startAndLose();
    expect((await optio('run', 'task.yaml')).stderr).toMatch(/^optio: task nightly .*; optio recover \S+ takes it up/);
    expect((await optio('resume', 'nightly')).stderr).toBe(
      'optio: task nightly has not ended; optio recover takes it up\n',
    );
    const waiting = optio('cancel', 'nightly', '--wait', '--reason', 'not needed');
    expect((await optio('recover')).code).toBe(3);
    expect(await waiting).toEqual({
      code: 0,
      stdout: `cancelled  ${second}\n`,
      stderr: 'Its worker is gone; optio recover takes it up and ends it.\n',
    });
    expect((await json('show', second))[0]).toMatchObject({ status: 'cancelled', message: 'not needed' });
    expect((await optio('attach', second)).code).toBe(3);
    expect((await optio('cancel', 'nightly')).stdout).toBe('ended already  cancelled\n');
  });

  it('whose worker was killed is taken up by another process, and ends with what it delivers', async () => {
    const other = await startAndLose();
    expect((await json('ls'))[0]).toMatchObject({ sessionId: other, status: 'no worker' });
    const recovering = startOptio(['recover', '--json'], { directory, env });
    await go();
    expect(await recovering.exited, recovering.stderr).toBe(0);
    const events = recovering.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.filter(({ type }) => type === 'deliverable')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({
      type: 'summary',
      sessionId: other,
      state: 'done',
      message: 'all green',
      exitCode: 0,
      deliverables: [join(directory, 'optio-out/nightly/report.md')],
    });
    expect(recovering.stderr).toBe('');
    // Whoever comes later sees when it was reported.
    const watched = await optio('attach', other);
    expect(watched).toMatchObject({ code: 0, stderr: (await optio('logs', other)).stdout });

    // Nothing is left to be taken up, and what has ended is not touched.
    expect((await optio('recover')).stderr).toBe('No session has lost its worker.\n');
    const before = await digestTree(directory);
    expect(await optio('recover', other)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/left alone: it has ended$/m),
    });
    expect(await digestTree(directory)).toEqual(before);
  });

  it('of which nothing is left, not even its agent, is ended from what is there', async () => {
    const dead = await startAndLose('with its agent');
    expect((await optio('recover', dead.slice(0, 12))).code).toBe(4);
    const [shown] = await json('show', dead);
    expect(shown).toMatchObject({ state: 'ended' });
    expect(await readdir(join(directory, '.local/state/optio-opencode'))).toEqual([]);
  });

  it('that cannot begin says why, where it was started', async () => {
    await writeFile(
      join(directory, 'no-host.yaml'),
      `task: x\nhost: nowhere.invalid\nmodel: { provider: a, name: b, apiKey: env:MODEL_KEY }\n`,
    );
    await writeFile(join(directory, 'config.yaml'), 'sshConfig: ssh_config\n');
    await writeFile(join(directory, 'ssh_config'), 'IdentityAgent none\nIdentityFile none\n');
    const run = startOptio(['run', 'no-host.yaml', '--detach', '--config', 'config.yaml'], { directory, env });
    expect(await run.exited).toBe(4);
    expect(run.stderr).toMatch(/^optio: Nothing can log in to nowhere\.invalid.*\.log\)\n$/);
    expect(run.stdout).toBe('');
  });
});
