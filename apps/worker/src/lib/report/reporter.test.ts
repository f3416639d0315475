import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';

import type { OpencodeSessionEvent } from '@optio-ts/opencode-session';
import { describe, expect, it } from 'vitest';

import { createJsonReporter } from './json-reporter.ts';
import { lineOf } from './line.ts';
import { createPlainReporter } from './plain-reporter.ts';
import { isInteractive } from './reporter.ts';
import type { Reporter, TaskSummary } from './reporter.ts';
import { createTerminalReporter, momentText } from './terminal-reporter.ts';

const EVIL = '\u001b]0;owned\u0007\u001b[2J\u009b31m\rEVIL\u202e';

function event(type: string, fields: object): OpencodeSessionEvent {
  return { id: 'i', sessionId: 's', at: new Date(0), type, ...fields } as unknown as OpencodeSessionEvent;
}

const EVENTS = [
  event('progress', { step: 'install', message: 'downloading opencode', percent: 10 }),
  event('progress', { step: 'install', message: 'downloading opencode', percent: 11 }),
  event('progress', { step: 'install', message: 'downloading opencode', percent: 60 }),
  event('live', { version: '1.18.33', isConfined: true, url: 'http://127.0.0.1:1', opencodeSessionId: 'o' }),
  event('status', { percent: 40, message: `writing ${EVIL}` }),
  event('log', { text: `hello ${EVIL}` }),
  event('log', { text: '  ' }),
  event('attention', { reason: EVIL }),
  event('browser', { url: EVIL }),
  event('domain-message', { keyword: EVIL, data: { evil: EVIL } }),
  event('deliverable', { path: 'deliverables/a', name: 'a', sizeBytes: 1234, content: () => [] }),
  event('deliverable-rejected', { path: EVIL, reason: EVIL }),
  event('warning', { code: 'X', message: EVIL }),
  event('done', { summary: EVIL }),
];

const SUMMARY: TaskSummary = {
  state: 'done',
  message: `written ${EVIL}`,
  exitCode: 0,
  taskId: 'nightly',
  sessionId: '65a1b2c3d4e5f60718293a4b',
  seedId: undefined,
  outputDirectory: '/out',
  deliverables: ['/out/a'],
  durationMs: 12_345,
};

function play(reporter: Reporter): void {
  reporter.step('reading the task');
  for (const each of EVENTS) reporter.event(each, each.type === 'deliverable' ? '/out/a' : undefined);
  reporter.note('a note');
  reporter.warning('a warning');
  reporter.summary(SUMMARY);
}

function collect() {
  const written: string[] = [];
  return { written, write: (text: string) => written.push(text) > 0 };
}

describe('createPlainReporter', () => {
  it('prints a line with the time for what is new, and paths alone on stdout', () => {
    const stdout = collect();
    const stderr = collect();
    play(createPlainReporter({ stdout, stderr, now: () => new Date(2026, 10, 23, 6, 15, 42) }));
    const lines = stderr.written.join('').split('\n').slice(0, -1);
    expect(lines.every((text) => text.startsWith('06:15:42 '))).toBe(true);
    expect(lines.map((text) => text.slice(9))).toEqual([
      'reading the task',
      '10% downloading opencode',
      '60% downloading opencode',
      'opencode 1.18.33 is at work, confined to its task directory',
      'agent: 40% writing EVIL',
      'agent: hello EVIL',
      'warning: attention: EVIL',
      'the agent would open EVIL',
      expect.stringContaining('agent: EVIL {"evil":'),
      'delivered a (1.2 kB) → /out/a',
      'warning: refused a deliverable: EVIL: EVIL',
      'warning: EVIL',
      'a note',
      'warning: a warning',
      'done after 12.3 s: written EVIL (task nightly, session 65a1b2c3d4e5f60718293a4b)',
    ]);
    expect(stdout.written.join('')).toBe('/out/a\n');
  });
});

describe('createJsonReporter', () => {
  it('prints one object per line, inert on a terminal, with everything but contents', () => {
    const stdout = collect();
    play(createJsonReporter({ stdout }));
    const text = stdout.written.join('');
    // eslint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    const objects = text
      .split('\n')
      .slice(0, -1)
      .map((each) => JSON.parse(each) as Record<string, unknown>);
    expect(objects).toHaveLength(EVENTS.length + 4);
    expect(objects[0]).toEqual({ type: 'step', message: 'reading the task' });
    expect(objects.find(({ type }) => type === 'deliverable')).toEqual({
      type: 'deliverable',
      id: 'i',
      sessionId: 's',
      at: '1970-01-01T00:00:00.000Z',
      path: 'deliverables/a',
      name: 'a',
      sizeBytes: 1234,
      savedTo: '/out/a',
    });
    expect(objects.at(-1)).toMatchObject({ type: 'summary', state: 'done', exitCode: 0, deliverables: ['/out/a'] });
  });
});

describe('createTerminalReporter', () => {
  it('shows nothing of an agent that a terminal would act on', () => {
    const chunks: string[] = [];
    const stderr = fakeTerminal(chunks);
    const stdout = new PassThrough();
    play(createTerminalReporter({ stderr, stdout: stdout as unknown as NodeJS.WriteStream }));
    const text = chunks.join('');
    expect(text).not.toContain('\u001b]0;');
    expect(text).not.toContain('\u001b[2J');
    expect(text).not.toContain('\u009b');
    const shown = stripVTControlCharacters(text);
    expect(shown).toContain('│ hello EVIL');
    expect(shown).toContain('✔ delivered a (1.2 kB) → /out/a');
    expect(shown).toContain('✔ done after 12.3 s: written EVIL');
    expect(String(stdout.read())).toBe('/out/a\n');
  });

  it('fits the moving line into one row', () => {
    const moment = lineOf(event('status', { percent: 40, message: 'x'.repeat(500) }));
    if (moment === undefined) throw new Error('a status is a line');
    expect(momentText(moment, 80)).toHaveLength(64);
    expect(momentText(moment, 80)).toMatch(/^████████░{12} 40% agent: x+…$/);
    expect(momentText(moment, 10)).toHaveLength(20);
  });
});

describe('isInteractive', () => {
  it('is a terminal that moves its cursor, outside of CI', () => {
    expect(isInteractive({ isTTY: true }, {})).toBe(true);
    expect(isInteractive({ isTTY: false }, {})).toBe(false);
    expect(isInteractive({}, {})).toBe(false);
    expect(isInteractive({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
    expect(isInteractive({ isTTY: true }, { CI: '1' })).toBe(false);
  });
});

/** A terminal without a device: what `WriteStream` of node:tty adds to a stream, over a list. */
function fakeTerminal(chunks: string[]): NodeJS.WriteStream {
  const stream = new PassThrough();
  return Object.assign(stream, {
    isTTY: true as const,
    columns: 80,
    rows: 24,
    cursorTo: () => true,
    moveCursor: () => true,
    clearLine: () => true,
    clearScreenDown: () => true,
    getColorDepth: () => 8,
    hasColors: () => true,
    getWindowSize: () => [80, 24] as [number, number],
    write: (text: string) => chunks.push(text) > 0,
  }) as unknown as NodeJS.WriteStream;
}
