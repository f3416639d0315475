import { describe, expect, it } from 'vitest';

import { composeAgentsMd } from './agents-md.ts';
import { createLogProtocol } from './log-protocol.ts';
import { formatResumeLogLine } from './resume-log.ts';

const protocol = createLogProtocol({ browser: 'suppress' });

describe('composeAgentsMd', () => {
  it('ends with the task as it was given', () => {
    const text = composeAgentsMd({
      protocol,
      task: '  Count `stars`.\n\nTwice. \n\n',
      resume: false,
    });
    expect(text.endsWith('\n\n  Count `stars`.\n\nTwice.\n')).toBe(true);
  });

  it('ends with one newline when the task is empty', () => {
    expect(composeAgentsMd({ protocol, task: '', resume: false })).toMatch(/the task:\n$/);
  });

  it('puts heading, log, deliverables, resumes and task in this order', () => {
    const text = composeAgentsMd({ protocol, task: 'X', resume: { excludes: ['.git'] } });
    const headings = [...text.matchAll(/^##? .*$/gm)].map(([heading]) => heading);
    expect(headings).toEqual([
      '# Coordination with the host harness',
      '## Log channel',
      '## Deliverables',
      '## Resumes',
      '## Task',
    ]);
    expect(text).toContain(protocol.documentation);
    expect(text).toContain('ask questions and dialogue with the human');
    expect(text.replaceAll('optio.log', '')).not.toMatch(/optio|opencode/i);
  });

  it('shows resume.log as it is written', () => {
    const text = composeAgentsMd({ protocol, task: 'X', resume: { excludes: [] } });
    const [, block = ''] = /```text\n([^]*?)```/.exec(text) ?? [];
    const written = [
      formatResumeLogLine({ at: new Date('2026-03-01T09:30:00Z') }),
      formatResumeLogLine({ at: new Date('2026-03-02T17:05:12Z'), refreshed: ['AGENTS.md'] }),
    ];
    expect(block).toBe(written.join(''));
    const [tag] = /[A-Z]+:/.exec(block.split('Z ')[1] ?? '') ?? [];
    expect(text).toContain(`listed after \`${tag}\``);
  });

  it('leaves resumes out when there are none', () => {
    const text = composeAgentsMd({ protocol, task: 'X', resume: false });
    expect(text).not.toContain('## Resumes');
    expect(text).not.toContain('resume.log');
  });

  it('names each exclude in backticks, and no other', () => {
    const text = composeAgentsMd({
      protocol,
      task: 'X',
      resume: { excludes: ['*.iso', 'a`b', 'c\nd'] },
    });
    expect(text).toContain('`*.iso`, `` a`b ``, `c d`.');
    expect(text).not.toContain('node_modules');
    expect(text).toContain('inside an excluded subdirectory');
    expect(text).toContain('what you cannot make again must not be there.');
  });

  it('says so when nothing is excluded', () => {
    const text = composeAgentsMd({ protocol, task: 'X', resume: { excludes: [] } });
    expect(text).toContain('No paths are excluded');
    expect(text).not.toContain('inside an excluded subdirectory');
  });

  it('says what is missing', () => {
    // @ts-expect-error -- what an untyped caller may pass
    expect(() => composeAgentsMd({ task: 'X', resume: false })).toThrow(/^composeAgentsMd needs `protocol`/);
    // @ts-expect-error -- as above
    expect(() => composeAgentsMd({ protocol, resume: false })).toThrow(/^composeAgentsMd needs `task`/);
  });

  it('does not guess the excludes', () => {
    // @ts-expect-error -- what an untyped caller may pass
    expect(() => composeAgentsMd({ protocol, task: 'X' })).toThrow(TypeError);
    // @ts-expect-error -- as above
    expect(() => composeAgentsMd({ protocol, task: 'X', resume: true })).toThrow(TypeError);
  });
});
