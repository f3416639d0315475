import { describe, expect, it } from 'vitest';

import { composeDocumentation } from './documentation.ts';
import { createLogProtocol } from './log-protocol.ts';

const MODES = ['ignore', 'suppress', 'redirect'] as const;

describe('composeDocumentation', () => {
  for (const browser of MODES) {
    const text = composeDocumentation(browser);

    it(`teaches every keyword in ${browser} mode, and BROWSER only in redirect mode`, () => {
      for (const word of ['STATUS:', 'DELIVERABLE:', 'DONE', 'ERROR', 'ATTENTION:', 'DOMAIN_MESSAGE:']) {
        expect(text).toContain(word);
      }
      expect(text.includes('BROWSER:')).toBe(browser === 'redirect');
    });

    it(`says that there is no browser only when that is so (${browser})`, () => {
      expect(text.includes('impossible to launch a browser')).toBe(browser === 'suppress');
    });

    it(`names files, sections and the final newline in ${browser} mode`, () => {
      for (const phrase of [
        './optio.log',
        './deliverables/',
        '## Log channel\n',
        '## Deliverables\n',
        'newline',
        'tail -c 1',
      ]) {
        expect(text).toContain(phrase);
      }
    });

    it(`names no project in ${browser} mode`, () => {
      expect(text.replaceAll('optio.log', '')).not.toMatch(/optio|opencode/i);
    });

    it(`shows no entry in ${browser} mode that is not one`, () => {
      const protocol = createLogProtocol({ browser });
      const shown = [...text.matchAll(/```log\n([^]*?)\n```/g)].flatMap(([, block]) => block?.split('\n') ?? []);
      expect(shown.length).toBeGreaterThan(7);
      for (const line of shown) expect(protocol.parseLine(line).type, line).not.toBe('unknown');
      const commands = [...text.matchAll(/printf '%s\\n' '([^']*)'/g)].map(([, line]) => line ?? '');
      expect(commands).toHaveLength(1);
      for (const line of commands) expect(protocol.parseLine(line).type).toBe('status');
    });
  }
});
