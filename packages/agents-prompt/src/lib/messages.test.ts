import { describe, expect, it } from 'vitest';

import { composeDeliverableMessage, composeIdleReminder } from './messages.ts';
import { formatResumeLogLine } from './resume-log.ts';

describe('composeDeliverableMessage', () => {
  it('answers several at once and says what to do about the refused ones', () => {
    expect(
      composeDeliverableMessage([
        { path: 'deliverables/a.md', reason: undefined },
        { path: '../b\u001b[2J', reason: 'outside' },
      ]).split('\n'),
    ).toEqual([
      'System:',
      'Deliverable accepted: deliverables/a.md',
      'Deliverable refused: ../b (outside)',
      expect.stringContaining('./deliverables/'),
    ]);
  });

  it('repeats a path up to 200 characters, none of them cut in two', () => {
    const answer = (path: string): string => composeDeliverableMessage([{ path, reason: undefined }]);
    expect(answer('x'.repeat(200))).toBe(`System:\nDeliverable accepted: ${'x'.repeat(200)}`);
    expect(answer('x'.repeat(201))).toBe(`System:\nDeliverable accepted: ${'x'.repeat(200)}…`);
    expect(answer(`${'x'.repeat(199)}😀`)).toBe(`System:\nDeliverable accepted: ${'x'.repeat(199)}\ufffd…`);
  });

  it('counts those that it does not name', () => {
    const answers = [{ path: 'a', reason: undefined }];
    expect(composeDeliverableMessage(answers)).not.toContain('more');
    expect(composeDeliverableMessage(answers, { unnamed: 1 })).toContain('\nAnd 1 more that are not named here.');
  });

  it('asks for nothing when all is well', () => {
    expect(composeDeliverableMessage([{ path: 'a', reason: undefined }])).not.toContain('again');
  });
});

describe('composeIdleReminder', () => {
  it('names DONE, ERROR, ATTENTION and the newline', () => {
    const text = composeIdleReminder();
    for (const phrase of ['append an ATTENTION entry', 'append ERROR', 'append DONE to ./optio.log;']) {
      expect(text).toContain(phrase);
    }
    expect(text).toContain('newline; `tail -c 1 ./optio.log` shows');
    expect(text).not.toContain('looks like');
  });

  it('points at the line that nearly was an entry', () => {
    expect(composeIdleReminder({ resembles: 'DONE' })).toContain('looks like DONE');
  });

  it('does not repeat what the provider said to the model', () => {
    const text = composeIdleReminder({ failure: 'quota of key sk-1 exceeded' });
    expect(text).toContain('error of the model');
    expect(text).not.toContain('sk-1');
  });
});

describe('formatResumeLogLine', () => {
  const at = new Date('2026-03-02T17:05:12.987Z');

  it('writes seconds in UTC', () => {
    expect(formatResumeLogLine({ at })).toBe('2026-03-02T17:05:12Z\n');
    expect(formatResumeLogLine({ at, refreshed: [] })).toBe('2026-03-02T17:05:12Z\n');
  });

  it('lists refreshed files with commas and no spaces', () => {
    expect(formatResumeLogLine({ at, refreshed: ['AGENTS.md', 'opencode.json'] })).toBe(
      '2026-03-02T17:05:12Z REFRESHED:AGENTS.md,opencode.json\n',
    );
  });

  it('refuses a time that is none', () => {
    for (const time of [new Date(Number.NaN), undefined, '2026-03-02T17:05:12Z', 7]) {
      expect(() => formatResumeLogLine({ at: time as Date })).toThrow(/must be a valid Date$/);
    }
  });

  it('refuses a name that would read as two, or as none', () => {
    for (const name of ['a,b', 'a b', 'a\nb', 'a\0b', '']) {
      expect(() => formatResumeLogLine({ at, refreshed: [name] })).toThrow(TypeError);
    }
  });
});
