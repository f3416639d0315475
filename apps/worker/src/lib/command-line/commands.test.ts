import { readFile } from 'node:fs/promises';

import { describe, expect, it } from 'vitest';

import { buildProgram } from './build-program.ts';
import { COMMANDS, GROUPS } from './commands.ts';

describe('COMMANDS', () => {
  it('are those of the table in the README, with their summaries', async () => {
    const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
    const rows = Array.from(readme.matchAll(/^\| `optio ([^`]+)` +\| (.+?) +\|$/gm), ([, command, summary]) => [
      command,
      summary,
    ]);
    const wanted = COMMANDS.filter(({ isHidden }) => isHidden !== true).map((command) => [
      [command.path, ...(command.arguments ?? []).map(({ name }) => name)].join(' '),
      command.summary,
    ]);
    expect(rows).toEqual(wanted);
  });

  it('have options that the README explains', async () => {
    const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
    const options = COMMANDS.flatMap((command) => command.options ?? []).filter(({ isHidden }) => isHidden !== true);
    const missing = options
      .map(({ flags }) => /--[a-z-]+/.exec(flags)?.[0] ?? flags)
      .filter((flag) => !readme.includes(flag));
    expect([...new Set(missing)]).toEqual([]);
  });

  // All that the command can do is loaded here, its drivers included.
  it('lead to code, each of them', { timeout: 60_000 }, async () => {
    for (const { load } of COMMANDS) expect(await load()).toBeTypeOf('function');
  });

  it('make a program without two of one name', () => {
    const program = buildProgram({ commands: COMMANDS, groups: GROUPS, version: '0', onCall: () => {} });
    expect(program.commands.length).toBeGreaterThan(2);
    const used = new Set(
      COMMANDS.map(({ path }) => path.split(' ').slice(0, -1).join(' ')).filter((path) => path !== ''),
    );
    expect(GROUPS.map(({ path }) => path).toSorted()).toEqual([...used].toSorted());
  });
});
