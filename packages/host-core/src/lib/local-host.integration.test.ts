import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

import { hostContract } from '../testing.ts';
import { createLocalHost } from './local-host.ts';

const host = createLocalHost();
let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-host-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

describe('createLocalHost', () => {
  for (const { name, run } of hostContract) {
    it(name, () => run({ host, directory, openHost: () => createLocalHost() }));
  }

  it('has exactly the environment it is given', async () => {
    await using other = createLocalHost({ env: { PATH: process.env['PATH'] ?? '', HOME: directory, ONE: '1' } });
    const result = await other.run(['env']);
    const names = result.stdout.toString().trim().split('\n');
    expect(names.map((line) => line.split('=')[0]).toSorted((a = '', b = '') => (a < b ? -1 : 1))).toEqual([
      'HOME',
      'ONE',
      'OPTIO_RUN_ID',
      'PATH',
    ]);
  });

  it('ends a tree from a process group of its own, which a Ctrl-C on the terminal does not reach', async () => {
    const stubborn = await host.spawn(['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done']);
    for await (const chunk of stubborn.stdout) if (chunk.toString().includes('ready')) break;
    const killing = stubborn.kill({ graceMs: 1000 });
    const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
    const groups: string[] = [];
    for (const pid of children.trim().split(' ')) {
      const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
      groups.push(stat.slice(stat.lastIndexOf(') ') + 2).split(' ')[2] ?? '');
    }
    await killing;
    const own = (await readFile('/proc/self/stat', 'latin1')).split(') ').at(-1)?.split(' ')[2];
    expect(groups.length).toBeGreaterThan(1);
    expect(groups).not.toContain(own);
  });

  it('forwards a port to itself without a listener of its own', async () => {
    await using forward = await host.forwardPort(65_000);
    expect(forward.localPort).toBe(65_000);
  });
});
