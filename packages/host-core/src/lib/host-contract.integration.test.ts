import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { hostContract } from '../testing.ts';
import { lies, lyingHost, silentHost } from './contract/lying-hosts.ts';
import type { Lie } from './contract/lying-hosts.ts';
import type { HostContractSubject } from './contract/support.ts';
import { createLocalHost } from './local-host.ts';

async function withSubject(lie: Lie, test: (subject: HostContractSubject) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'optio-lie-'));
  try {
    // Disposed at the end: what a lie left running goes with them.
    await using honest = createLocalHost();
    await using other = createLocalHost();
    await test({ host: lyingHost(honest, lie), directory, openHost: () => lyingHost(other, lie) });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

describe('hostContract', () => {
  for (const lie of lies) {
    it(`catches a host that ${lie.name}`, async () => {
      for (const name of lie.caughtBy) {
        const contractCase = hostContract.find((one) => one.name === name);
        assert.ok(contractCase !== undefined, `no case is named: ${name}`);
        await withSubject(lie, async (subject) => {
          await expect(contractCase.run(subject), name).rejects.toThrow();
        });
      }
    });
  }

  it('has no case that a host passes which does nothing, unless a lie is there for it', async () => {
    const subject = { host: silentHost, directory: '/nonexistent', openHost: () => silentHost };
    const passed = await Promise.all(
      hostContract.map(({ name, run }) =>
        run(subject).then(
          () => [name],
          () => [],
        ),
      ),
    );
    const covered = new Set(lies.flatMap(({ caughtBy }) => caughtBy));
    // Its promise is kept before any host is asked.
    covered.add('writeFiles refuses paths that leave the directory as a TypeError');
    expect(passed.flat().filter((name) => !covered.has(name))).toEqual([]);
  });
});
