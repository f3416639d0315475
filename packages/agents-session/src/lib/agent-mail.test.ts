import { describe, expect, it, vi } from 'vitest';

import { createAgentMail } from './agent-mail.ts';

describe('createAgentMail', () => {
  it('sends one message at a time and puts together what waits meanwhile', async () => {
    const sent: string[] = [];
    let gate = Promise.withResolvers<void>();
    const mail = createAgentMail({
      canSend: () => true,
      pauseMs: 0,
      send: async (text) => {
        sent.push(text);
        await gate.promise;
      },
    });
    mail.answer({ path: 'a', reason: 'not found' });
    mail.answer({ path: 'b', reason: 'not found' });
    await Promise.resolve();
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatch(/a \(not found\)[^]*b \(not found\)/);
    mail.say('hello');
    for (let number = 0; number < 1000; number += 1) mail.answer({ path: `c${number}`, reason: 'not found' });
    expect(sent).toHaveLength(1);
    gate.resolve();
    gate = Promise.withResolvers();
    while (sent.length < 2) await new Promise((resolve) => setTimeout(resolve));
    expect(sent[1]).toMatch(/^hello\n\nSystem:/);
    expect(sent[1]?.split('\n').length).toBeLessThan(80);
    expect(sent[1]).toContain('And 936 more');
    gate.resolve();
    mail.answer({ path: 'd', reason: 'not found' });
    while (sent.length < 3) await new Promise((resolve) => setTimeout(resolve));
    expect(sent[2]).not.toContain('more');
    mail.close();
    mail.say('too late');
    await Promise.resolve();
    await Promise.resolve();
    expect(sent).toHaveLength(3);
  });

  it('keeps what is said and answered before there is an agent until there is one', async () => {
    const sent: string[] = [];
    let isThere = false;
    const mail = createAgentMail({
      canSend: () => isThere,
      send: async (text) => sent.push(text),
    });
    mail.answer({ path: 'a', reason: 'not found' });
    mail.say('hello');
    await new Promise(setImmediate);
    expect(sent).toEqual([]);
    isThere = true;
    mail.resume();
    await new Promise(setImmediate);
    expect(sent).toEqual([expect.stringMatching(/^hello\n\nSystem:[^]*a \(not found\)/)]);
  });

  it('keeps so many texts, and none after its end', async () => {
    const sent: string[] = [];
    let isThere = false;
    const mail = createAgentMail({ canSend: () => isThere, send: async (text) => sent.push(text) });
    for (let number = 1; number <= 100; number += 1) mail.say(`${number}.`);
    isThere = true;
    mail.resume();
    await new Promise(setImmediate);
    expect(sent.join().split('\n\n').at(-1)).toBe('64.');
    mail.close();
    mail.say('late');
    mail.resume();
    await new Promise(setImmediate);
    expect(sent).toHaveLength(1);
  });

  it('keeps answers back for longer each time, until it was calm for a while', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const sent: string[] = [];
      const mail = createAgentMail({
        canSend: () => true,
        pauseMs: 1000,
        send: (text) => {
          sent.push(text.includes('accepted') ? 'answer' : text);
          return Promise.resolve();
        },
      });
      /** Gives an answer, lets so much time go by, and wakes the outbox. */
      const answerAndWait = async (ms: number): Promise<string[]> => {
        mail.answer({ path: 'a', reason: undefined });
        await new Promise(setImmediate);
        vi.advanceTimersByTime(ms);
        mail.say('.');
        await new Promise(setImmediate);
        await new Promise(setImmediate);
        return sent.splice(0).map((text) => (text.includes('answer') ? 'answer' : text));
      };
      vi.advanceTimersByTime(5000);
      expect(await answerAndWait(999)).toEqual(['answer', '.']);
      // One second after the first, then two, then four.
      expect(await answerAndWait(0)).toEqual(['.']);
      expect(await answerAndWait(1)).toEqual(['answer']);
      expect(await answerAndWait(1999)).toEqual(['.']);
      expect(await answerAndWait(1)).toEqual(['answer']);
      expect(await answerAndWait(3999)).toEqual(['.']);
      expect(await answerAndWait(1)).toEqual(['answer']);
      vi.advanceTimersByTime(16_001);
      expect(await answerAndWait(999)).toEqual(['answer', '.']);
      expect(await answerAndWait(1)).toEqual(['answer']);
      mail.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps further answers back for a while, but not what is said', async () => {
    const sent: string[] = [];
    const mail = createAgentMail({
      canSend: () => true,
      pauseMs: 1_000_000,
      send: (text) => {
        sent.push(text.split('\n').slice(0, 2).join(' '));
        return Promise.resolve();
      },
    });
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    mail.answer({ path: 'a', reason: 'not found' });
    await turn();
    mail.answer({ path: 'b', reason: 'not found' });
    await turn();
    mail.say('hello');
    await turn();
    await turn();
    expect(sent).toEqual(['System: Deliverable refused: a (not found)', 'hello']);
    mail.close();
  });
});
