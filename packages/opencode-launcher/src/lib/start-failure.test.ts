import { describe, expect, it } from 'vitest';

import { describeStartFailure } from './start-failure.ts';

const base = { port: 12_345, host: 'build-3', timeoutMs: 60_000, secrets: ['hunter2hunter2'] };
const failed = { exitCode: 1, signal: undefined };

// Outputs as the real 1.18.33 prints them.
describe('describeStartFailure', () => {
  it.each([
    ['PORT_TAKEN', ['\u001B[91m\u001B[1mError: \u001B[0mUnexpected error', '', 'ServeError'], 'port 12345'],
    ['CONFIG_INVALID', ['Error: Config file at /home/x/opencode.json is not valid JSON(C): '], '/home/x/opencode.json'],
    ['CONFIG_INVALID', ['Error: Configuration is invalid at /home/x/opencode.json'], '/home/x/opencode.json'],
    [
      'CONFIG_INVALID',
      ['optio: somebody else may give the agent orders: /tmp/.opencode'],
      '/tmp/.opencode is not yours',
    ],
    ['HOME_NOT_WRITABLE', ["Error: EACCES: permission denied, mkdir '/x/.local'"], 'EACCES: permission denied'],
    ['DATABASE_UNUSABLE', ['Error: Unexpected error', '', 'unable to open database file'], 'database'],
    ['HOME_NOT_WRITABLE', ["ENOTDIR: not a directory, mkdir '/x/opencode'"], 'ENOTDIR'],
    ['DATABASE_UNUSABLE', ['Error: file is not a database'], 'database'],
    ['DATABASE_UNUSABLE', ['Failed query: PRAGMA wal_checkpoint(PASSIVE)'], 'database'],
    ['EXITED_EARLY', ['Illegal instruction'], 'with exit code 1'],
    ['EXITED_EARLY', [], 'with exit code 1'],
  ])('says %s for %j', (code, output, text) => {
    const error = describeStartFailure({ ...base, output, exit: failed });
    expect(error.code).toBe(code);
    expect(error.message.split('\n')[0]).toContain(text);
    expect(error.message).toContain('build-3');
  });

  it('names the signal that ended it', () => {
    const error = describeStartFailure({ ...base, output: [], exit: { exitCode: undefined, signal: 'SIGKILL' } });
    expect(error.message).toContain('by SIGKILL');
  });

  it('says START_TIMEOUT while the process runs', () => {
    const error = describeStartFailure({ ...base, output: ['still thinking'], exit: undefined });
    expect(error).toMatchObject({ code: 'START_TIMEOUT', output: ['still thinking'] });
    expect(error.message).toContain('60 s');
  });

  it('keeps the output but neither the password nor the contents of a broken file', () => {
    const output = [
      'the password is hunter2hunter2',
      'Config file at /x/opencode.json is not valid JSON(C): ',
      '--- JSONC Input ---',
      '{"provider": {"x": {"options": {"baseURL": "http://private.example",',
      ' "apiKey": "kkkkkkkkkk"}}},,}',
      '--- Errors ---',
      'PropertyNameExpected at line 2, column 21',
      '   Line 2:  "apiKey": "kkkkkkkkkk"}}},,}',
      '                                 ^',
      '--- End ---',
    ];
    const { message } = describeStartFailure({ ...base, output, exit: failed });
    expect(message).toContain('PropertyNameExpected at line 2');
    for (const secret of ['hunter2', 'kkkkkkkkkk', 'private.example']) expect(message).not.toContain(secret);
  });
});
