import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { runCli } from '../cli.ts';

/** What a call of `optio` came to. */
export interface OptioCall {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, from its words to its exit code: for many calls, where a process each would take long. */
export async function callOptio(
  args: readonly string[],
  { directory, env = {} }: { readonly directory: string; readonly env?: Readonly<Record<string, string>> },
): Promise<OptioCall> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const printed = Promise.all([text(stdout), text(stderr)]);
  const code = await runCli({
    args,
    cwd: directory,
    home: directory,
    env: { PATH: process.env['PATH'], HOME: directory, ...env },
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
  });
  stdout.end();
  stderr.end();
  const [out, err] = await printed;
  return { code, stdout: out, stderr: err };
}
