import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { SHELL_SCRIPTS } from './shell-scripts.ts';

const run = promisify(execFile);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-completion-'));
  const main = fileURLToPath(new URL('../../main.ts', import.meta.url));
  const optio = `#!/bin/sh\nexec '${process.execPath}' --conditions=@optio-ts/source '${main}' "$@"\n`;
  await writeFile(join(directory, 'optio'), optio, { mode: 0o755 });
  await writeFile(join(directory, 'config.yaml'), 'hosts: { build-3: { ssh: alice@build-3 } }\n');
  await writeFile(join(directory, 'task file.yaml'), '');
  for (const [shell, script] of Object.entries(SHELL_SCRIPTS)) await writeFile(join(directory, shell), script);
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function lines(shell: string, args: readonly string[]): Promise<string[]> {
  const env = {
    PATH: `${directory}:${process.env['PATH']}`,
    HOME: directory,
    OPTIO_CONFIG: join(directory, 'config.yaml'),
    TERM: 'dumb',
  };
  const { stdout } = await run(shell, args, { cwd: directory, env });
  return stdout.split('\n').filter((line) => line !== '');
}

/** How each shell is asked what it would offer for words of which the last one is not yet whole. */
const ASK: Readonly<Record<string, (words: readonly string[]) => Promise<string[]>>> = {
  bash: (words) =>
    lines('bash', [
      '--norc',
      '-c',
      'source ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _optio; printf "%s\\n" "${COMPREPLY[@]}"',
      'bash',
      ...words,
    ]),
  zsh: (words) =>
    lines('zsh', [
      '-f',
      '-c',
      // What only a shell with somebody before it has.
      'compdef() { : }; _files() { print -l -- *.yaml }; _describe() { print -l -- "${(@P)2%%:*}" }; source ./zsh; words=("$@"); CURRENT=$#; _optio',
      'zsh',
      ...words,
    ]),
  fish: async (words) =>
    (await lines('fish', ['--no-config', '-c', 'source ./fish; complete -C "$argv"', words.join(' ')])).map(
      (line) => line.split('\t')[0]?.replace('task\\ file', 'task file') ?? '',
    ),
};

describe.each(Object.keys(ASK))('completion in %s', (shell) => {
  const ask = async (...words: string[]): Promise<string[]> => (await ASK[shell]?.(words)) ?? [];

  it('offers commands, options, hosts and files', async (ctx) => {
    const found = await run(shell, ['--version']).catch(() => undefined);
    if (found === undefined) return ctx.skip(`needs ${shell}`);
    expect(await ask('optio', 'sub')).toEqual(['submit']);
    expect(await ask('optio', 'run', '--det')).toEqual(['--detach']);
    expect(await ask('optio', 'run', '--host', 'bu')).toEqual(['build-3']);
    expect(await ask('optio', 'run', 'task')).toContain('task file.yaml');
  });
});
