#!/usr/bin/env node
import { homedir } from 'node:os';

import { refusalOfNode } from './lib/old-node.ts';

const { env, stderr, stdout } = process;
const refusal = refusalOfNode(process);
if (refusal === undefined) {
  // What an old Node cannot load is not loaded by it.
  const { exitWith, runCli } = await import('./lib/cli.ts');
  exitWith(await runCli({ args: process.argv.slice(2), env, cwd: process.cwd(), home: homedir(), stderr, stdout }));
} else {
  stderr.write(`optio: ${refusal}\n`);
  process.exitCode = 2;
}
