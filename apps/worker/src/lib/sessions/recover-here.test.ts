import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createSessionDocument, noCipher } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { expect, it, vi } from 'vitest';

import { emptyConfig } from '../config/worker-config.ts';
import { teeReporter } from '../report/tee-reporter.ts';
import { journalCollection } from './journal.ts';
import { recoverHere } from './recover-here.ts';
import { saveTaskRecord } from './task-record.ts';

it('writes nothing down for a session that it leaves', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const directory = await mkdtemp(join(tmpdir(), 'optio-recover-'));
  const opened = { store: createMemoryStore(), cipher: noCipher } as never as Parameters<
    typeof recoverHere
  >[1]['opened'];
  try {
    const place = { taskId: 'nightly', agent: 'opencode', runId: 'r', host: 'ada@build-3', taskDirectory: '/t' };
    const session = await createSessionDocument(opened.store, { ...place, ownerId: 'w', leaseMs: 1, now: new Date(0) });
    const config = emptyConfig(join(directory, 'optio.yaml'));
    const source = { text: 'task: x', path: 't.yaml', directory, origin: 'file' } as const;
    const run = { host: 'local', machine: config.machine, outputDirectory: join(directory, 'out'), confine: undefined };
    await saveTaskRecord(opened, { ...source, ...run, taskId: 'nightly' });
    const context = {
      config,
      cwd: directory,
      env: {},
      interrupts: { abortSignal: new AbortController().signal },
      outputRoot: directory,
      places: {},
    } as never as Parameters<typeof recoverHere>[1]['context'];
    const left = await recoverHere(session, { context, opened, reporter: teeReporter([]) });
    expect(left).toEqual(expect.objectContaining({ action: 'leave', reason: 'there is no host ada@build-3 here' }));
    await vi.runAllTimersAsync();
    const written = await Array.fromAsync(opened.store.list(journalCollection));
    expect(written).toEqual([]);
  } finally {
    vi.useRealTimers();
    await opened.store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }
});
