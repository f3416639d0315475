import { describe, expect, it } from 'vitest';

import { createAgentMail } from './agent-mail.ts';

describe('createAgentMail', () => {
  it('sends one message at a time and puts together what waits meanwhile', async () => {
    const sent: string[] = [];
    let gate = Promise.withResolvers<void>();
    const mail = createAgentMail({
      canSend: () => true,
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
    while (sent.length < 2) await Promise.resolve();
    expect(sent[1]).toMatch(/^hello\n\nSystem:/);
    expect(sent[1]?.split('\n').length).toBeLessThan(80);
    mail.close();
    mail.say('too late');
    gate.resolve();
    await Promise.resolve();
    await Promise.resolve();
    expect(sent).toHaveLength(2);
  });
});
