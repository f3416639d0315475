import { describe, expect, it } from 'vitest';

import { silentHost } from './contract/lying-hosts.ts';
import { CommandFailedError, HostError } from './errors.ts';
import type { Host, RunResult } from './host.ts';
import { runChecked } from './run-checked.ts';

const hostWith = (result: Partial<RunResult>): Host => ({
  ...silentHost,
  description: 'build-3',
  run: async (...call) => ({ ...(await silentHost.run(...call)), ...result }),
});

describe('runChecked', () => {
  it('returns the result of a command that succeeded', async () => {
    expect((await runChecked(hostWith({ stdout: Buffer.from('x') }), ['a'])).stdout.toString()).toBe('x');
  });

  it('says what failed, where and how, with the end of stderr and no argument', async () => {
    const stderr = Buffer.from(`${'noise '.repeat(1000)}the reason\n`);
    const error: unknown = await runChecked(hostWith({ exitCode: 3, stderr }), ['git', 'secret'], {
      what: 'Cannot clone',
    }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CommandFailedError);
    expect(HostError.is(error) && error.code).toBe('COMMAND_FAILED');
    const { message, exitCode } = error as CommandFailedError;
    expect(message.split('\n')[0]).toBe('Cannot clone on build-3: git ended with exit code 3');
    expect(message).toMatch(/the reason$/);
    expect(message.length).toBeLessThan(2200);
    expect(message).not.toContain('secret');
    expect(exitCode).toBe(3);
  });

  it('takes an end by a signal for a failure', async () => {
    await expect(runChecked(hostWith({ exitCode: undefined, signal: 'SIGKILL' }), ['a'])).rejects.toThrow(
      'Cannot run a on build-3: a was ended by SIGKILL',
    );
  });
});
