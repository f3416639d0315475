import { describe, expect, it } from 'vitest';

import { asksForMessages, createListenerWatch } from './await-listener.ts';

describe('createListenerWatch', () => {
  const never = new AbortController().signal;

  it('lets whoever asks wait until the newest page listens', async () => {
    const watch = createListenerWatch({ mostMs: 3_600_000 });
    const heard: string[] = [];
    const first = watch.listened(never).then(() => heard.push('messages'));
    await Promise.resolve();
    heard.push('events');
    watch.listening();
    await first;
    expect(heard).toEqual(['events', 'messages']);
    await watch.listened(never);
    watch.loading();
    const gone = new AbortController();
    const second = watch.listened(gone.signal).then(() => heard.push('gone'));
    await Promise.resolve();
    expect(heard).toHaveLength(2);
    gone.abort();
    await second;
  });

  it('waits for a page that never listens no longer than it is told', async () => {
    await createListenerWatch({ mostMs: 1 }).listened(never);
  });
});

describe('asksForMessages', () => {
  it.each([
    ['GET', '/session/ses_1/message', true],
    ['GET', '/session/ses_1/message?limit=20', true],
    ['GET', '/api/session/ses_1/message?limit=20', true],
    ['POST', '/session/ses_1/message', false],
    ['GET', '/session/ses_1', false],
    ['GET', '/session/ses_1/message/msg_1', false],
    ['GET', '/session/a/b/message', false],
  ])('%s %s: %s', (method, path, is) => {
    expect(asksForMessages(method, path)).toBe(is);
  });
});
