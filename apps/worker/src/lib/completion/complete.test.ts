import { describe, expect, it } from 'vitest';

import { COMMANDS, GROUPS } from '../command-line/commands.ts';
import { complete } from './complete.ts';

const words = (...typed: string[]): string[] =>
  complete(typed, { commands: COMMANDS, groups: GROUPS }).candidates.map(({ word }) => word);
const lookUp = (...typed: string[]) => complete(typed, { commands: COMMANDS, groups: GROUPS }).lookUp;

describe('complete', () => {
  it('offers commands, then those of a group', () => {
    expect(words('')).toEqual(expect.arrayContaining(['run', 'seeds', 'host', 'ls']));
    expect(words('see')).toEqual(['seeds']);
    expect(words('seeds', 'ver')).toEqual(['verify']);
    expect(words('nope', '')).toEqual([]);
  });

  it('offers options of the command, and nothing that is hidden', () => {
    expect(words('run', '--d')).toEqual(['--detach']);
    expect(words('run', '--b')).toEqual([]);
    expect(words('run', 'task.yaml', '--confine', '')).toEqual(['auto', 'required', 'off']);
  });

  it.each([
    [['run', ''], 'file'],
    [['run', '--host', ''], 'host'],
    [['run', '--json', ''], 'file'],
    [['run', 'task.yaml', ''], undefined],
    [['seeds', 'export', ''], 'seed'],
    [['seeds', 'export', 'x', ''], 'file'],
    [['seeds', 'rm', 'x', 'y', ''], 'seed'],
    [['logs', '-f', ''], 'session'],
    [['snapshots', 'show', ''], 'snapshot'],
    [['run', '--seed', 'ab'], 'seed'],
  ] as const)('%j looks up a %s', (typed, kind) => {
    expect(lookUp(...typed)).toBe(kind);
  });
});
