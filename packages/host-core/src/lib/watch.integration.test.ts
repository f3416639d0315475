import { appendFileSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { processesRunning, processesWith, until } from '../../test/processes.ts';
import { allShellHosts, shellHosts } from '../../test/shell-hosts.ts';
import { followLines } from './follow-lines.ts';
import type { FollowedLine } from './follow-state.ts';
import { createFollower } from './follower.ts';
import type { Host } from './host.ts';
import { createLocalHost } from './local-host.ts';
import { shellScript } from './script.ts';
import { startSupervised } from './supervised.ts';
import { watch } from './watch.ts';

let directory: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'optio watch-')));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

interface CountedHost {
  readonly host: Host;
  readonly spawned: () => number;
}

function countSpawns(real: Host): CountedHost {
  let count = 0;
  const spawn: Host['spawn'] = (...parameters) => {
    count += 1;
    return real.spawn(...parameters);
  };
  return { host: { ...real, spawn }, spawned: () => count };
}

describe.each(allShellHosts)('files followed together with $name', ({ name, missing, open }) => {
  let opened: CountedHost;

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
    opened = countSpawns(open({ OPTIO_TEST: directory }));
    return () => opened.host[Symbol.asyncDispose]();
  });

  // Once is enough of a hundred: what varies with the shell is the script.
  const count = name === 'dash' ? 100 : 10;

  it('are served by one command, also while one is not read and others come and go', async () => {
    const { host } = opened;
    const paths = Array.from({ length: count }, (_, index) => join(directory, `log ${index}`));
    const lines = paths.map((): FollowedLine[] => []);
    const leaving = new AbortController();
    const end = Promise.withResolvers<void>();
    const slow = followLines({ host, path: join(directory, 'slow') });
    const big = `${'x'.repeat(99)}\n`.repeat(20_000);
    writeFileSync(join(directory, 'slow'), big);
    expect((await slow.next()).value).toMatchObject({ offset: 0 });
    const done = paths.map(async (path, index) => {
      const options = index % 10 === 9 ? { abortSignal: leaving.signal } : { until: end.promise };
      for await (const line of followLines({ host, path }, options)) lines[index]?.push(line);
    });
    const wait = (each: number): Promise<void> =>
      until(() => lines.every(({ length }) => length >= each), `${each} lines of each`);
    for (const path of paths) writeFileSync(path, 'a\n');
    await wait(1);
    for (const path of paths) appendFileSync(path, 'b\n');
    await wait(2);
    leaving.abort();
    for (const path of paths) appendFileSync(path, 'c\n');
    end.resolve();
    await Promise.all(done);
    for (const [index, found] of lines.entries())
      expect(found.map(({ line }) => line).join('')).toBe(index % 10 === 9 ? 'ab' : 'abc');
    expect(opened.spawned()).toBe(1);
    // And of the one that was not read nothing is lost.
    let rest = 0;
    for await (const { nextOffset } of slow) {
      rest += 1;
      if (nextOffset === big.length) break;
    }
    expect(rest).toBe(19_999);
    await until(() => processesWith(`OPTIO_TEST=${directory}`).length === 0, 'the end of the command');
  });
});

describe.each(shellHosts)('processes watched together with $name', ({ missing, open }) => {
  let opened: CountedHost;

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
    opened = countSpawns(open({ OPTIO_TEST: directory }));
    return () => opened.host[Symbol.asyncDispose]();
  });

  it('are waited for by the command that follows their output', async () => {
    const { host } = opened;
    const ids = ['one', 'two'];
    const fifos = ids.map((id) => join(directory, id));
    await host.run(['mkfifo', ...fifos]);
    const script = 'echo working; read -r line <"$1"; exit 7';
    const processes = await Promise.all(
      ids.map((id) => startSupervised(host, { directory, id, command: shellScript(script, join(directory, id)) })),
    );
    const outputs = processes.map(async ({ id, output, exited }) => {
      const found: string[] = [];
      for await (const { line } of followLines(output, { until: exited })) {
        found.push(line);
        await appendFile(join(directory, id), 'go\n');
      }
      return found;
    });
    for (const { exited } of processes) expect(await exited).toMatchObject({ exitCode: 7, leaseExpired: false });
    expect(await Promise.all(outputs)).toEqual([['working'], ['working']]);
    expect(opened.spawned()).toBe(1);
  });
});

describe('watch', () => {
  it('gives each file a command of its own when a look at one never ends', async () => {
    await using host = createLocalHost({ env: { PATH: process.env['PATH'] ?? '', OPTIO_TEST: directory } });
    const follower = createFollower(host, { stuckMs: 200 });
    const found = [0, 0];
    const watched = found.map((_, index) => {
      writeFileSync(join(directory, `${index}`), 'a\n');
      const onLook = (): void => {
        const look = one.take();
        if (look?.found.kind === 'grown') found[index] = look.found.size;
        one.request(20);
      };
      const introduce = (id: number): string => `f ${id} 0\n${directory}\n${index}\n\n`;
      const one = watch(host, { introduce, onLook, follower });
      one.request(0);
      return one;
    });
    await until(() => found.every((size) => size === 2), 'both files');
    const shells = (): readonly number[] => {
      const ours = processesWith(`OPTIO_TEST=${directory}`);
      return processesRunning('send_files').filter((pid) => ours.includes(pid));
    };
    const [shell = 0, ...others] = shells();
    expect(others).toEqual([]);
    process.kill(shell, 'SIGSTOP');
    for (const index of [0, 1]) appendFileSync(join(directory, `${index}`), 'b\n');
    await until(() => found.every((size) => size === 4), 'both files again');
    await until(() => !shells().includes(shell), 'the end of the first command');
    expect(shells().length).toBe(2);
    await Promise.all(watched.map((one) => one.close()));
    await until(() => shells().length === 0, 'the end of both commands');
  });
});
