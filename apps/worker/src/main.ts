#!/usr/bin/env node
import { runCli } from './lib/cli.ts';

const { env, stderr, stdout } = process;
process.exitCode = await runCli({ args: process.argv.slice(2), env, stderr, stdout });
