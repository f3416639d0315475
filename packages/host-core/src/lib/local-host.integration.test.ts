import { mkdtemp, rm } from 'node:fs/promises';
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

  it('forwards a port to itself without a listener of its own', async () => {
    await using forward = await host.forwardPort(65_000);
    expect(forward.localPort).toBe(65_000);
  });
});
