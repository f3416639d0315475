import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe } from 'vitest';

import { followLines } from '../src/lib/follow-lines.ts';
import type { Command, Host } from '../src/lib/host.ts';
import type { SupervisedProcess } from '../src/lib/supervised-process.ts';
import { startSupervised } from '../src/lib/supervised.ts';
import type { StartSupervisedOptions } from '../src/lib/supervised.ts';
import { processesWith, until } from './processes.ts';
import { shellHosts } from './shell-hosts.ts';

/** Supervised processes of one test. */
export interface SupervisedBench {
  /** Empty, and gone after the test. */
  readonly directory: string;
  readonly host: Host;
  /** Another host with the same shell, with another environment. */
  readonly open: () => Host;
  /** All that are stopped after the test. */
  readonly started: SupervisedProcess[];
  /** Starts one in the directory. */
  readonly start: (command: Command, options?: Partial<StartSupervisedOptions>) => Promise<SupervisedProcess>;
}

/** Describes the same with each shell. */
export function describeSupervised(what: string, tests: (bench: SupervisedBench) => void): void {
  describe.each(shellHosts)(`${what} with $name`, ({ missing, open }) => {
    let host: Host | undefined;
    let directory: string;
    const started: SupervisedProcess[] = [];

    beforeEach((context) => {
      if (missing !== undefined) context.skip(missing);
      directory = realpathSync(mkdtempSync(join(tmpdir(), "optio sup'*-")));
      host = open({ INHERITED: 'yes', KEEP_THIS: 'two\nINHERITED=lines', AWS_KEY: 'no', SECRET_PASSWORD: 'old' });
    });

    afterEach(async () => {
      if (host === undefined) return;
      await Promise.all(started.splice(0).map((process) => process.stop({ graceMs: 0 })));
      await host[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    });

    const hostOfTest = (): Host => {
      if (host === undefined) throw new Error('No host outside of a test');
      return host;
    };
    tests({
      get directory() {
        return directory;
      },
      get host() {
        return hostOfTest();
      },
      open,
      started,
      start: async (command, options = {}) => {
        const process = await startSupervised(hostOfTest(), { directory, command, ...options });
        started.push(process);
        return process;
      },
    });
  });
}

/** A command that is shell text. */
export const sh = (script: string): Command => ['sh', '-c', script];

/** Resolves when nothing that was started under this run id is there any more. */
export async function nothingLeft({ runId }: Pick<SupervisedProcess, 'runId'>): Promise<void> {
  await until(
    () => processesWith(`OPTIO_RUN_ID=${runId}`).length + processesWith(`OPTIO_SUPERVISOR_OF=${runId}`).length === 0,
    `processes of ${runId}`,
  );
}

/** Resolves with its first line of output: by then it is well on its way. */
export async function firstLine(process: SupervisedProcess): Promise<string> {
  for await (const { line } of followLines(process.output, { pollMs: 20 })) return line;
  throw new Error('no output');
}
