import { describe, expect, it } from 'vitest';

import { placeFiles } from './compose-files.ts';

const own = [
  { path: 'AGENTS.md', content: 'ours' },
  { path: 'opencode.json', content: '{}' },
];

describe('placeFiles', () => {
  it('keeps the instructions that a task brings under another name', () => {
    const placed = placeFiles([{ path: './AGENTS.md', content: 'theirs' }], own);
    expect(placed).toEqual({
      files: [{ path: 'AGENTS.project.md', content: 'theirs' }],
      replaced: [],
      hasInstructions: true,
    });
  });

  it('tells which files of the task ours take the place of', () => {
    const given = [
      { path: 'opencode.json', content: '{"a":1}' },
      { path: 'src/opencode.json', content: '{}' },
    ];
    expect(placeFiles(given, own)).toMatchObject({ files: [given[1]], replaced: ['opencode.json'] });
  });
});
