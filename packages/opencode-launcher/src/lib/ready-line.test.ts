import { describe, expect, it } from 'vitest';

import { parseReadyLine, stripAnsi } from './ready-line.ts';

describe('parseReadyLine', () => {
  it.each([
    ['opencode server listening on http://127.0.0.1:4096', '127.0.0.1', 4096],
    ['opencode server listening on http://0.0.0.0:31000/', '0.0.0.0', 31000],
    ['opencode server listening on http://::1:4096', '::1', 4096],
    ['opencode server listening on http://[::1]:4096', '::1', 4096],
    ['\u001B[96m  Web interface:    \u001B[0m http://127.0.0.1:4097/', '127.0.0.1', 4097],
  ])('reads %j', (line, hostname, port) => {
    expect(parseReadyLine(line)).toEqual({ hostname, port });
  });

  it.each([
    'Warning: OPENCODE_SERVER_PASSWORD is not set; server is unsecured.',
    'A new version is at http://127.0.0.1:4096',
    'see opencode server listening on http://127.0.0.1:4096',
    'opencode server listening on http://127.0.0.1',
    'opencode server listening on http://127.0.0.1:99999',
    '',
  ])('does not take %j for it', (line) => {
    expect(parseReadyLine(line)).toBeUndefined();
  });
});

describe('stripAnsi', () => {
  it('takes colours out', () => {
    expect(stripAnsi('\u001B[91m\u001B[1mError: \u001B[0mUnexpected error')).toBe('Error: Unexpected error');
  });
});
