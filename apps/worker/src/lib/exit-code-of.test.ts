import { HostError } from '@optio-ts/host-core';
import { OpencodeInstallError } from '@optio-ts/opencode-installer';
import { DecryptError, SeedEngineError } from '@optio-ts/seed-engine';
import { describe, expect, it } from 'vitest';

import { WorkerError } from './errors.ts';
import { exitCodeOf, exitCodeOfResult } from './exit-code-of.ts';
import { TaskFileError } from './task-file-problem.ts';

describe('exitCodeOf', () => {
  it.each([
    [new TaskFileError([]), 2],
    [new WorkerError('OUTPUT_REFUSED', ''), 2],
    [new WorkerError('INTERRUPTED', ''), 3],
    [new HostError('CONNECT_FAILED', ''), 4],
    [new OpencodeInstallError('DOWNLOAD_FAILED', ''), 4],
    [new SeedEngineError('KEY_MISSING', ''), 5],
    [new DecryptError(''), 5],
    [new TypeError('x'), 70],
    ['thrown text', 70],
  ])('tells %o by its class', (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });
});

describe('exitCodeOfResult', () => {
  it.each([
    ['done', 'agent-done', undefined, 0],
    ['failed', 'agent-error', undefined, 1],
    ['failed', 'agent-idle', undefined, 1],
    ['failed', 'deadline', undefined, 1],
    ['failed', 'agent-exited', undefined, 1],
    ['cancelled', 'cancelled', undefined, 3],
    ['failed', 'setup-failed', undefined, 4],
    ['failed', 'setup-failed', new HostError('HOST_UNSUPPORTED', ''), 4],
    ['failed', 'setup-failed', new DecryptError(''), 5],
    ['lost', 'log-lost', undefined, 4],
  ] as const)('%s (%s)', (state, reason, error, code) => {
    expect(exitCodeOfResult({ state, reason, ...(error === undefined ? {} : { error }) })).toBe(code);
  });
});
