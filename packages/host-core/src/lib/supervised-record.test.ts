import { describe, expect, it } from 'vitest';

import { parseExitCode, parseRecord } from './supervised-record.ts';

const runId = '0123456789abcdef01234567';
const boot = '9842a2d8-120d-4cbe-91a3-ba2cb0564cb6';

describe('parseRecord', () => {
  it('reads what a supervisor writes', () => {
    expect(parseRecord(`1 ${runId} ${boot} 100 1 200 2 300 3`)).toEqual({
      runId,
      bootId: boot,
      supervisor: { pid: 100, startTime: '1' },
      command: { pid: 200, startTime: '2' },
      watcher: { pid: 300, startTime: '3' },
    });
  });

  it.each([
    ['nothing', ''],
    ['another version', `2 ${runId} ${boot} 100 1 200 2 300 3`],
    ['a run id that is none', `1 ${runId}0 ${boot} 100 1 200 2 300 3`],
    ['a pattern as run id', `1 ${'.'.repeat(24)} ${boot} 100 1 200 2 300 3`],
    ['pid 1', `1 ${runId} ${boot} 100 1 1 2 300 3`],
    ['pid 0: the group of whoever kills', `1 ${runId} ${boot} 100 1 0 2 300 3`],
    ['pid -1: everybody', `1 ${runId} ${boot} 100 1 -1 2 300 3`],
    ['a pid beyond all', `1 ${runId} ${boot} 100 1 4294967295 2 300 3`],
    ['more words', `1 ${runId} ${boot} 100 1 200 2 300 3 4`],
    ['another line', `1 ${runId} ${boot} 100 1 200 2 300 3\n`],
  ])('refuses %s', (_, line) => {
    expect(parseRecord(line)).toBeUndefined();
  });
});

describe('parseExitCode', () => {
  it.each([
    ['0', { exitCode: 0, signal: undefined }],
    ['7', { exitCode: 7, signal: undefined }],
    ['128', { exitCode: 128, signal: undefined }],
    ['137', { exitCode: undefined, signal: 'SIGKILL' }],
    ['143', { exitCode: undefined, signal: 'SIGTERM' }],
    ['255', { exitCode: 255, signal: undefined }],
    ['256', undefined],
    ['', undefined],
    ['-1', undefined],
    ['*', undefined],
  ])('reads %j', (text, exit) => {
    expect(parseExitCode(text)).toEqual(exit);
  });
});
