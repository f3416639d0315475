import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
} from 'node:fs';
import { realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { shellHosts } from '../../test/shell-hosts.ts';
import type { HostErrorCode } from './errors.ts';
import type { Host } from './host.ts';
import { createRunId } from './run-id.ts';
import { openWorkspace } from './workspace.ts';

let base: string;
let root: string;

beforeEach(() => {
  // Physical, since /tmp is a link on macOS; with a name that a careless script would split or expand.
  base = realpathSync(mkdtempSync(join(tmpdir(), "optio wsp'*-")));
  root = join(base, 'root');
});

afterEach(() => {
  execFileSync('chmod', ['-R', 'u+rwX', base]);
  rmSync(base, { recursive: true, force: true });
});

function mode(path: string): string {
  return (lstatSync(path).mode & 0o7777).toString(8);
}

function failsWith(code: HostErrorCode): object {
  return expect.objectContaining({ code });
}

describe.each(shellHosts)('openWorkspace with $name', ({ missing, open }) => {
  let host: Host;

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
    host = open({ XDG_STATE_HOME: join(base, 'state'), HOME: base });
    return () => host[Symbol.asyncDispose]();
  });

  it('makes the directories, for the user alone', async () => {
    const workspace = await openWorkspace(host, { taskId: 'a.b-1', taskRoot: root });
    expect(workspace).toMatchObject({
      taskRoot: root,
      taskDirectory: `${root}/a.b-1`,
      workdir: `${root}/a.b-1/workdir`,
    });
    const { taskDirectory, workdir, home, controlDirectory, temporaryDirectory } = workspace;
    for (const path of [root, taskDirectory, workdir, home, controlDirectory, temporaryDirectory]) {
      expect([path, mode(path)]).toEqual([path, '700']);
    }
    expect(readFileSync(`${controlDirectory}/owner`, 'utf8').split('\n')[0]).toBe(workspace.runId);
  });

  it('takes the state directory of the host by default, and its home where that is not set', async () => {
    const workspace = await openWorkspace(host, { taskId: 'a' });
    expect(workspace.taskRoot).toBe(join(base, 'state', 'optio-opencode'));
    await using homely = open({ XDG_STATE_HOME: 'relative', HOME: base });
    const other = await openWorkspace(homely, { taskId: 'a', consumer: 'other' });
    expect(other.taskRoot).toBe(join(base, '.local', 'state', 'other'));
  });

  it('needs one round trip', async () => {
    let trips = 0;
    const counting: Host = {
      ...host,
      run: (command, options) => {
        trips += 1;
        return host.run(command, options);
      },
    };
    await openWorkspace(counting, { taskId: 'a', taskRoot: root, fresh: 'empty' });
    expect(trips).toBe(1);
  });

  it('keeps what is there, or empties it without following links', async () => {
    const outside = join(base, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'precious'), '');
    const { taskDirectory, workdir, runId } = await openWorkspace(host, { taskId: 'a', taskRoot: root });
    mkdirSync(join(workdir, 'locked', 'deep'), { recursive: true });
    writeFileSync(join(workdir, 'locked', 'deep', 'file'), '');
    chmodSync(join(workdir, 'locked', 'deep'), 0);
    chmodSync(join(workdir, 'locked'), 0);
    symlinkSync(outside, join(workdir, 'link'));
    symlinkSync(outside, join(taskDirectory, '..odd name'));
    writeFileSync(join(taskDirectory, 'opencode.db'), '');

    await openWorkspace(host, { taskId: 'a', taskRoot: root, runId });
    expect(existsSync(join(taskDirectory, 'opencode.db'))).toBe(true);

    await openWorkspace(host, { taskId: 'a', taskRoot: root, runId, fresh: 'empty' });
    expect(readdirSync(taskDirectory).toSorted()).toEqual(['control', 'tmp', 'workdir']);
    expect(readdirSync(workdir)).toEqual(['home']);
    expect(readdirSync(outside)).toEqual(['precious']);
  });

  it('lets one run in', async () => {
    const first = await openWorkspace(host, { taskId: 'a', taskRoot: root });
    await expect(openWorkspace(host, { taskId: 'a', taskRoot: root })).rejects.toMatchObject({
      code: 'TASK_DIRECTORY_IN_USE',
      runId: first.runId,
    });
    const again = await openWorkspace(host, { taskId: 'a', taskRoot: root, runId: first.runId });
    expect(again.runId).toBe(first.runId);
    await again.release();
    const second = await openWorkspace(host, { taskId: 'a', taskRoot: root });
    expect(second.runId).not.toBe(first.runId);
  });

  it('lets exactly one of many in at once, and one of many take over', async () => {
    const tryAll = async (takeOverFrom?: string): Promise<readonly string[]> => {
      const attempts = Array.from({ length: 12 }, () =>
        openWorkspace(host, { taskId: 'a', taskRoot: root, ...(takeOverFrom && { takeOverFrom }) }),
      );
      const settled = await Promise.allSettled(attempts);
      const failures = settled
        .filter((result) => result.status === 'rejected')
        .map((result) => result.reason as unknown);
      expect(failures).toEqual(Array.from({ length: 11 }, () => failsWith('TASK_DIRECTORY_IN_USE')));
      return settled.filter((result) => result.status === 'fulfilled').map((result) => result.value.runId);
    };
    const [first = ''] = await tryAll();
    const [second = ''] = await tryAll(first);
    expect(second).not.toBe(first);
    const third = await openWorkspace(host, { taskId: 'a', taskRoot: root, takeOverFrom: second });
    await third.release();
    expect(readdirSync(third.controlDirectory)).toEqual([]);
  });

  it('does not take over from a run that does not hold it', async () => {
    const first = await openWorkspace(host, { taskId: 'a', taskRoot: root });
    await expect(
      openWorkspace(host, { taskId: 'a', taskRoot: root, takeOverFrom: createRunId() }),
    ).rejects.toMatchObject({ code: 'TASK_DIRECTORY_IN_USE', runId: first.runId });
  });

  it('removes its directory and nothing beside, as often as asked', async () => {
    const outside = join(base, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'precious'), '');
    const neighbour = await openWorkspace(host, { taskId: 'b', taskRoot: root });
    const workspace = await openWorkspace(host, { taskId: 'a', taskRoot: root });
    mkdirSync(join(workspace.workdir, 'locked', 'deep'), { recursive: true });
    chmodSync(join(workspace.workdir, 'locked'), 0);
    symlinkSync(outside, join(workspace.workdir, 'link'));
    await workspace.remove();
    expect(readdirSync(root)).toEqual(['b']);
    expect(existsSync(neighbour.workdir)).toBe(true);
    expect(readdirSync(outside)).toEqual(['precious']);
    await workspace.remove();
    rmSync(root, { recursive: true });
    await workspace.remove();
  });

  it('does not remove what another run has taken over', async () => {
    const first = await openWorkspace(host, { taskId: 'a', taskRoot: root });
    const second = await openWorkspace(host, { taskId: 'a', taskRoot: root, takeOverFrom: first.runId });
    await expect(first.remove()).rejects.toEqual(failsWith('TASK_DIRECTORY_IN_USE'));
    await expect(first.release()).rejects.toEqual(failsWith('TASK_DIRECTORY_IN_USE'));
    expect(existsSync(second.home)).toBe(true);
  });

  it.each(['', '/control', '/workdir', '/workdir/home', '/tmp'])(
    'refuses a link in place of <task>%s',
    async (path) => {
      const workspace = await openWorkspace(host, { taskId: 'a', taskRoot: root });
      const outside = join(base, 'outside');
      mkdirSync(outside);
      rmSync(workspace.taskDirectory + path, { recursive: true });
      symlinkSync(outside, workspace.taskDirectory + path);
      await expect(openWorkspace(host, { taskId: 'a', taskRoot: root, runId: workspace.runId })).rejects.toEqual(
        failsWith('TASK_DIRECTORY_REFUSED'),
      );
      if (path === '') await expect(workspace.remove()).rejects.toEqual(failsWith('TASK_DIRECTORY_REFUSED'));
      else await workspace.remove();
      expect(readdirSync(outside)).toEqual([]);
      expect(lstatSync(outside).isDirectory()).toBe(true);
    },
  );

  it('calls the root by its real name', async () => {
    mkdirSync(join(base, 'real'), { mode: 0o700 });
    symlinkSync(join(base, 'real'), root);
    const workspace = await openWorkspace(host, { taskId: 'a', taskRoot: join(root, 'sub') });
    expect(workspace.taskRoot).toBe(join(base, 'real', 'sub'));
  });

  it('refuses parents that others can write', async () => {
    mkdirSync(join(base, 'shared', 'root'), { recursive: true, mode: 0o700 });
    chmodSync(join(base, 'shared'), 0o777);
    await expect(openWorkspace(host, { taskId: 'a', taskRoot: join(base, 'shared', 'root') })).rejects.toEqual(
      failsWith('TASK_DIRECTORY_REFUSED'),
    );

    chmodSync(join(base, 'shared'), 0o755);
    chmodSync(join(base, 'shared', 'root'), 0o733);
    await expect(openWorkspace(host, { taskId: 'a', taskRoot: join(base, 'shared', 'root') })).rejects.toEqual(
      failsWith('TASK_DIRECTORY_REFUSED'),
    );
  });

  it('refuses what belongs to somebody else', async (context) => {
    if (process.getuid?.() !== 0) context.skip('needs root: run the tests as root');
    mkdirSync(join(base, 'theirs', 'root', 'a'), { recursive: true, mode: 0o700 });
    chownSync(join(base, 'theirs', 'root', 'a'), 65_534, 65_534);
    await expect(openWorkspace(host, { taskId: 'a', taskRoot: join(base, 'theirs', 'root') })).rejects.toEqual(
      failsWith('TASK_DIRECTORY_REFUSED'),
    );
    chownSync(join(base, 'theirs'), 65_534, 65_534);
    await expect(openWorkspace(host, { taskId: 'b', taskRoot: join(base, 'theirs', 'root') })).rejects.toEqual(
      failsWith('TASK_DIRECTORY_REFUSED'),
    );
  });

  it('leaves nothing behind when it is cancelled, and keeps what its run held before', async () => {
    const held = await openWorkspace(host, { taskId: 'held', taskRoot: root });
    for (const milliseconds of [2, 5, 8, 11, 14, 17, 20, 25]) {
      const cancel = (): { abortSignal: AbortSignal } => ({ abortSignal: AbortSignal.timeout(milliseconds) });
      const [fresh] = await Promise.allSettled([
        openWorkspace(host, { taskId: 'a', taskRoot: root, ...cancel() }),
        openWorkspace(host, { taskId: 'held', taskRoot: root, runId: held.runId, ...cancel() }),
      ]);
      if (fresh.status === 'fulfilled') await fresh.value.remove();
      expect(readdirSync(root)).toEqual(['held']);
      expect(readFileSync(`${held.controlDirectory}/owner`, 'utf8').split('\n')[0]).toBe(held.runId);
    }
  });

  it('says so where it cannot write', async () => {
    writeFileSync(join(base, 'file'), '');
    await expect(openWorkspace(host, { taskId: 'a', taskRoot: join(base, 'file', 'root') })).rejects.toEqual(
      failsWith('WRITE_FAILED'),
    );
  });
});
