import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLocalHost, findSupervised, startSupervised } from '@optio-ts/host-core';
import { startScriptedModel, startSshd, taskScript } from '@optio-ts/testkit';
import type { ScriptedModel, Sshd } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestTree } from './testing/digest-tree.ts';
import { scriptedTaskLines } from './testing/scripted-task.ts';
import { startOptio } from './testing/start-optio.ts';

const KEY = 'sk-of-the-scripted-model';

let directory: string;
let server: Sshd | undefined;
let missing: string | undefined;
let model: ScriptedModel;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-hosts-'));
  ({ sshd: server, reason: missing } = await startSshd());
  model = await startScriptedModel({ apiKey: KEY, script: taskScript({ deliverables: { 'report.md': '# Far\n' } }) });
  if (server === undefined) return;
  await mkdir(join(directory, 'tasks'), { mode: 0o700 });
  await writeFile(join(directory, 'known_hosts'), server.knownHosts);
  await writeFile(join(directory, 'unknown_hosts'), '');
  // None of the user's own settings.
  await writeFile(join(directory, 'ssh_config'), 'GlobalKnownHostsFile none\n');
  const [hostKey] = server.hostKeys;
  const host = (more: string): string =>
    `{ ssh: "${server?.user}@127.0.0.1:${server?.port}", identityFile: "${server?.privateKeyFile}", ${more} }`;
  await writeFile(
    join(directory, 'config.yaml'),
    `sshConfig: ssh_config
hosts:
  build-3: ${host(`knownHosts: known_hosts, taskRoot: ${join(directory, 'tasks')}, confine: auto`)}
  stranger: ${host('knownHosts: unknown_hosts')}
  pinned: ${host(`hostKey: "${hostKey?.fingerprint}"`)}
`,
  );
});
afterAll(async () => {
  await model.close();
  await server?.close();
  await rm(directory, { recursive: true, force: true });
});

async function optio(...args: string[]): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const env = { MODEL_KEY: KEY, OPTIO_CONFIG: join(directory, 'config.yaml') };
  const run = startOptio(args, { directory, env });
  return { code: await run.exited, stdout: run.stdout, stderr: run.stderr };
}

function lines(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('hosts', { timeout: 300_000 }, () => {
  it('checks a host: reachable, trusted, what is there', async (ctx) => {
    if (server === undefined) return ctx.skip(`needs ${missing}`);
    const { code, stderr, stdout } = await optio('host', 'check', 'build-3', 'pinned', '--json', '--no-reach');
    expect(code, stderr).toBe(0);
    const [report, pinned] = lines(stdout);
    expect(report).toMatchObject({
      type: 'host',
      name: 'build-3',
      isUsable: true,
      isReachable: true,
      isKeyTrusted: true,
      hostKeys: join(directory, 'known_hosts'),
      os: 'linux',
      user: server.user,
    });
    expect(report?.['roundTripMs']).toBeGreaterThan(0);
    expect(pinned).toMatchObject({ isKeyTrusted: true, hostKeys: 'pinned key' });
  });

  it('refuses an unknown key, with the remedy, until somebody accepts it, and then only that one', async (ctx) => {
    if (server === undefined) return ctx.skip(`needs ${missing}`);
    const refused = await optio('host', 'check', 'stranger', '--no-reach');
    expect(refused.code).toBe(4);
    expect(refused.stdout).toMatch(/^host key\s+refused, by .*unknown_hosts$/m);
    expect(refused.stdout).toMatch(
      /^problem .*; check the fingerprint: optio host check stranger --accept-new writes the key down$/m,
    );
    expect(await readFile(join(directory, 'unknown_hosts'), 'utf8')).toBe('');
    expect((await optio('host', 'check', 'stranger', '--no-reach', '--accept-new')).code).toBe(0);
    expect((await optio('host', 'check', 'stranger', '--no-reach')).code).toBe(0);
    expect((await readFile(join(directory, 'unknown_hosts'), 'utf8')).split('\n')).toHaveLength(2);
  });

  it('runs a task on a host of the configuration, with a hook, and leaves nothing there', async (ctx) => {
    if (server === undefined) return ctx.skip(`needs ${missing}`);
    await writeFile(
      join(directory, 'hooks.mjs'),
      `import { writeFileSync } from 'node:fs';
const seen = [];
export const beforeExecute = async (context) => { seen.push((await context.run(['pwd'])).stdout.toString().trim()); };
export const onDeliverable = (_context, { name }) => { seen.push(name); };
export const onEvent = ({ type }) => { if (type === 'ended') writeFileSync(${JSON.stringify(join(directory, 'seen'))}, seen.join()); };
`,
    );
    await writeFile(
      join(directory, 'task.yaml'),
      `task: Write the report.
id: far
host: build-3
hooks: ./hooks.mjs
${scriptedTaskLines(model.url, 'env:MODEL_KEY')}`,
    );
    const { code, stderr, stdout } = await optio('run', 'task.yaml');
    expect(code, stderr).toBe(0);
    const report = join(directory, 'optio-out/far/report.md');
    expect(stdout).toBe(`${report}\n`);
    expect(await readFile(report, 'utf8')).toBe('# Far\n');
    expect(await readFile(join(directory, 'seen'), 'utf8')).toBe(`${join(directory, 'tasks/far/workdir')},report.md`);
    await expect(stat(join(directory, 'tasks/far'))).rejects.toThrow('ENOENT');
    const left = await optio('host', 'clean', 'build-3', '--json');
    expect(left).toMatchObject({ code: 0, stdout: '' });
  });

  it('shows what nobody owns, and removes it only when told to', async (ctx) => {
    if (server === undefined) return ctx.skip(`needs ${missing}`);
    await using host = createLocalHost();
    const stray = join(directory, 'tasks/stray');
    await mkdir(join(stray, 'workdir'), { recursive: true, mode: 0o700 });
    await mkdir(join(directory, 'tasks/idle/workdir'), { recursive: true, mode: 0o700 });
    const supervised = await startSupervised(host, { directory: stray, command: ['sleep', '1000'] });
    const before = await digestTree(join(directory, 'tasks'));
    const shown = await optio('host', 'clean', 'build-3');
    expect(shown.code, shown.stderr).toBe(0);
    expect(shown.stdout).toMatch(/^would be removed +of no session here +idle +.*\/idle$/m);
    expect(shown.stdout).toMatch(/^spared +of no session here +runs \S+ +.*\/stray$/m);
    expect(shown.stderr).toMatch(/^Nothing was removed; --remove does it\./);
    expect(await digestTree(join(directory, 'tasks'))).toEqual(before);

    expect((await optio('host', 'clean', 'build-3', '--remove')).stderr).toMatch(/^1 removed, 1 spared/);
    expect((await findSupervised(host, stray)).map(({ wasRunning }) => wasRunning)).toEqual([true]);
    const removed = await optio('host', 'clean', 'build-3', '--remove', '--running', '--json');
    expect(lines(removed.stdout)).toEqual([expect.objectContaining({ directory: stray, action: 'removed' })]);
    expect(() => process.kill(supervised.pid, 0)).toThrow('ESRCH');
    await expect(stat(stray)).rejects.toThrow('ENOENT');
  });
});
