import { describe, expect, it } from 'vitest';

import { sendOffPrompt } from './kick-off.ts';

describe('sendOffPrompt', () => {
  it('sends to work, or back to it, and says what is new', () => {
    expect(sendOffPrompt('fresh', undefined)).toMatch(/^Read the file AGENTS\.md/);
    expect(sendOffPrompt('resumed', undefined)).toMatch(/^You were paused/);
    expect(sendOffPrompt('resumed', 'Translate it.')).toMatch(/^You were paused[^]*:\n\nTranslate it\.$/);
  });
});
