import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { followLines, startSupervised, type Host } from '@optio-ts/host-core';
import { startLink, startSshd } from '@optio-ts/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { loginTo } from '../../test/login-to.ts';
import { createSshHost } from '../index.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'optio-many-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const lineCount = 120;
const commandCount = 8;
const writer = `
i=0
while [ $i -lt ${lineCount} ]; do
  i=$((i + 1))
  echo "log $i" >>"$1/log"
  echo "output $i"
  [ $((i % 20)) != 0 ] || sleep 0.05
done
exit 3
`;

/** What a session has on its host: a supervised process, its output and its log followed, its end watched, and commands. */
async function playSession(host: Host, directory: string): Promise<void> {
  mkdirSync(directory);
  const server = await startSupervised(host, { directory, command: ['sh', '-c', writer, 'sh', directory] });
  const { exited } = server;
  const follow = async (path: string): Promise<readonly string[]> => {
    const lines: string[] = [];
    for await (const { line } of followLines({ host, path, beneath: directory }, { until: exited })) lines.push(line);
    return lines;
  };
  const command = async (): Promise<void> => {
    for (let count = 0; count < commandCount; count += 1) {
      const { stdout } = await host.run(['echo', `${count}`], { timeoutMs: 45_000 });
      expect(String(stdout)).toBe(`${count}\n`);
    }
  };
  const numbered = (word: string): readonly string[] =>
    Array.from({ length: lineCount }, (_, index) => `${word} ${index + 1}`);
  const [log, output, exit] = await Promise.all([
    follow(join(directory, 'log')),
    follow(server.output.path),
    exited,
    command(),
  ]);
  expect(log).toEqual(numbered('log'));
  expect(output).toEqual(numbered('output'));
  expect(exit).toEqual({ exitCode: 3, signal: undefined, leaseExpired: false });
}

describe('sessions at once on one server', () => {
  it('do not keep a short command waiting where long ones want every connection there may be', async (ctx) => {
    const { sshd, reason } = await startSshd({ maxSessions: 1 });
    if (!sshd) return ctx.skip(`needs ${reason}`);
    await using _ = sshd;
    await using host = createSshHost({
      ...loginTo(sshd),
      maxConnections: 3,
    });
    const leave = new AbortController();
    const options = { abortSignal: leave.signal };
    const long = Array.from({ length: 5 }, () => host.spawn(['sleep', '600'], options));
    const ends = Promise.allSettled(long);
    // Two of them run; the others wait for one of these to end.
    await Promise.all(long.slice(0, 2));
    for (let count = 0; count < 5; count += 1) await host.run(['true'], { timeoutMs: 20_000 });
    leave.abort();
    expect((await ends).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
    ]);
  });

  it.for([
    { sessions: 20, maxSessions: 10 },
    { sessions: 3, maxSessions: 1 },
  ])('$sessions of them with MaxSessions $maxSessions all get on', async ({ sessions, maxSessions }, ctx) => {
    const { sshd, reason } = await startSshd({ maxSessions });
    if (!sshd) return ctx.skip(`needs ${reason}`);
    await using _ = sshd;
    await using link = await startLink({ targetPort: sshd.port });
    const maxConnections = 10;
    await using host = createSshHost({
      ...loginTo(sshd, link),
      maxConnections,
    });
    const directories = Array.from({ length: sessions }, (_, index) => join(root, `task-${index}`));
    await Promise.all(directories.map((directory) => playSession(host, directory)));
    // One more is there for what ends others.
    expect(link.counts().connections).toBeLessThanOrEqual(maxConnections + 1);
  });
});
