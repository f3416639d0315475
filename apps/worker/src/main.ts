#!/usr/bin/env node
import { homedir } from 'node:os';

import { refusalOfNode } from './lib/old-node.ts';

const { env, stderr, stdout } = process;
const cwd = workingDirectory();
const refusal =
  refusalOfNode(process) ??
  (cwd === undefined ? 'the directory that it was called in is not there any more; go to another one' : undefined);
if (refusal === undefined && cwd !== undefined) {
  // What an old Node cannot load is not loaded by it.
  const { exitWith, runCli } = await import('./lib/cli.ts');
  exitWith(await runCli({ args: process.argv.slice(2), env, cwd, home: homedir(), stderr, stdout }));
} else {
  stderr.write(`optio: ${refusal}\n`);
  process.exitCode = 2;
}

function workingDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}
