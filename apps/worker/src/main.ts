#!/usr/bin/env node
import { exitWith, runCli } from './lib/cli.ts';

const { env, stderr, stdout } = process;
exitWith(await runCli({ args: process.argv.slice(2), env, stderr, stdout }));
