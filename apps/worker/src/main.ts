#!/usr/bin/env node
import { homedir } from 'node:os';

import { exitWith, runCli } from './lib/cli.ts';

const { env, stderr, stdout } = process;
exitWith(await runCli({ args: process.argv.slice(2), env, cwd: process.cwd(), home: homedir(), stderr, stdout }));
