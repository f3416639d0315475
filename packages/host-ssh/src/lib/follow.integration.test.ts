import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { followLines, startSupervised, type Host } from '@optio-ts/host-core';
import { startLink, startSshd, type Link, type Sshd } from '@optio-ts/testkit';
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest';

import { loginTo } from '../../test/login-to.ts';
import { createSshHost } from '../index.ts';

let directory: string;
let closing: AsyncDisposableStack;

beforeEach(async () => {
  closing = new AsyncDisposableStack();
  directory = await mkdtemp(join(tmpdir(), 'optio-follow-'));
  closing.defer(() => rm(directory, { recursive: true, force: true }));
});
afterEach(() => closing.disposeAsync());

async function open(ctx: TestContext): Promise<{ sshd: Sshd; link: Link; host: Host }> {
  const { sshd, reason } = await startSshd({ maxSessions: 10 });
  if (!sshd) return ctx.skip(`needs ${reason}`);
  closing.use(sshd);
  const link = closing.use(await startLink({ targetPort: sshd.port }));
  const host = createSshHost(loginTo(sshd, link));
  return { sshd, link, host: closing.use(host) };
}

/** Commands on the host that follow; what one of them forks has its text too, but leads no process group. */
async function followers(sshd: Sshd): Promise<number> {
  const found = (await sshd.processes()).filter(({ command }) => command.includes('send_files'));
  const stats = await Promise.all(found.map(({ pid }) => readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')));
  return found.filter(({ pid }, index) => stats[index]?.split(') ').at(-1)?.split(' ')[2] === String(pid)).length;
}

describe('files followed over SSH', () => {
  it('take one channel, twenty of them and the processes that write them, also beside one that is not read', async (ctx) => {
    const { sshd, host } = await open(ctx);
    const big = `${'x'.repeat(99)}\n`.repeat(30_000);
    await writeFile(join(directory, 'slow'), big);
    const slow = followLines({ host, path: join(directory, 'slow') });
    await slow.next();
    const processes = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const command = [
          'sh',
          '-c',
          'echo ready; while [ ! -e "$1" ]; do sleep 0.1; done; exit 3',
          'sh',
          `${directory}/go`,
        ];
        return startSupervised(host, { directory, id: `process-${index}`, command });
      }),
    );
    const lines = processes.map((): string[] => []);
    const ready = Promise.withResolvers<void>();
    const reading = processes.map(async ({ output, exited }, index) => {
      for await (const { line } of followLines(output, { until: exited })) {
        lines[index]?.push(line);
        if (lines.every(({ length }) => length > 0)) ready.resolve();
      }
    });
    await ready.promise;
    expect(await followers(sshd)).toBe(1);
    await appendFile(join(directory, 'go'), '');
    for (const { exited } of processes) expect((await exited).exitCode).toBe(3);
    await Promise.all(reading);
    expect(lines).toEqual(lines.map(() => ['ready']));
    let rest = 0;
    for await (const { nextOffset } of slow) {
      rest += 1;
      if (nextOffset === big.length) break;
    }
    expect(rest).toBe(29_999);
    await expect.poll(() => followers(sshd)).toBe(0);
  });

  it('tell all who read of a lost link, and go on from where each was', async (ctx) => {
    const { link, host } = await open(ctx);
    const paths = ['a', 'b', 'c'].map((name) => join(directory, name));
    for (const path of paths) await writeFile(path, 'one\n');
    const first = paths.map((path) => followLines({ host, path }));
    const found = await Promise.all(first.map(async (lines) => (await lines.next()).value));
    const lost = first.map((lines) => lines.next());
    link.cut();
    for (const one of lost) await expect(one).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    for (const path of paths) await appendFile(path, 'two\n');
    const rest = paths.map((path, index) => followLines({ host, path }, { offset: found[index]?.nextOffset ?? 0 }));
    for (const lines of rest) {
      expect((await lines.next()).value).toMatchObject({ line: 'two', generation: 0, offset: 4 });
      await lines.return();
    }
  });
});
