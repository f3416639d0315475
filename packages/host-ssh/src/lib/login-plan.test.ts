import { describe, expect, it } from 'vitest';

import { planLogin, type Attempt, type LoginPlan } from './login-plan.ts';

type Step = readonly [methods: readonly string[] | null, isPartial?: boolean];

function attempt(method: Attempt['method'], name: string, more: Partial<Attempt> = {}): Attempt {
  return { method, description: name, open: async () => ({ method: { type: 'none', username: name } }), ...more };
}

/** What the plan sends after each answer of the server: names of attempts, `?` for the question what it takes. */
async function play(plan: LoginPlan, steps: readonly Step[]): Promise<readonly string[]> {
  const sent: string[] = [];
  for (const [methods, isPartial = false] of steps) {
    const next = await new Promise<{ readonly username: string } | false>((resolve) => {
      plan.handler(methods as never, isPartial, resolve as never);
    });
    sent.push(next === false ? 'end' : next.username === 'user' ? '?' : next.username);
  }
  return sent;
}

describe('planLogin', () => {
  it('tries keys at once, and asks before it sends a password', async () => {
    const ways = [attempt('publickey', 'key'), attempt('password', 'pass')];
    expect(await play(planLogin('user', ways, []), [[null], [['password']], [['password']]])).toEqual([
      'key',
      'pass',
      'end',
    ]);
    expect(await play(planLogin('user', ways.toReversed(), []), [[null], [['publickey']]])).toEqual(['?', 'key']);
  });

  it('goes on where one cannot be opened, and says so in the end', async () => {
    const broken = attempt('publickey', 'broken', { open: () => Promise.reject(new Error('is broken')) });
    const plan = planLogin('user', [broken, attempt('publickey', 'key')], ['the agent is gone']);
    expect(await play(plan, [[null], [['publickey']]])).toEqual(['key', 'end']);
    expect(plan.describe()).toBe('tried key; the server takes publickey; the agent is gone; broken is broken');
  });

  it('offers no key twice, unless the server took another way meanwhile', async () => {
    const key = (name: string): Attempt => attempt('publickey', name, { fingerprint: 'same' });
    const ways = [key('a'), key('b'), attempt('password', 'pass')];
    const steps: readonly Step[] = [[null], [['password', 'publickey']], [['publickey'], true], [['publickey']]];
    expect(await play(planLogin('user', ways, []), steps)).toEqual(['a', 'pass', 'a', 'end']);
  });

  it('asks what is left to do after a key of an agent was taken, which ssh2 does not tell', async () => {
    const agent = attempt('publickey', 'agent', { wasTaken: () => true });
    const ways = [agent, attempt('publickey', 'other'), attempt('password', 'pass')];
    expect(await play(planLogin('user', ways, []), [[null], [null], [['password']]])).toEqual(['agent', '?', 'pass']);
  });

  it('comes to an end with a server that always wants more', async () => {
    const ways = [attempt('publickey', 'a'), attempt('publickey', 'b'), attempt('publickey', 'c')];
    const steps: readonly Step[] = [[null], ...Array.from({ length: 3 }, (): Step => [['publickey'], true])];
    expect(await play(planLogin('user', ways, []), steps)).toEqual(['a', 'b', 'c', 'end']);
  });
});
