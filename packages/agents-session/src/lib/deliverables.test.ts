import type { DeliverableAnswer } from '@optio-ts/agents-prompt';
import { createLocalHost } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import { createDeliverables } from './deliverables.ts';
import type { CreateDeliverablesOptions, Deliverables } from './deliverables.ts';
import type { AgentEvent, EventBody } from './events.ts';

const position = { generation: 0, offset: 0 };
const fine = { isAccepted: true, name: 'a', sizeBytes: 1 } as const;
const missing = { isAccepted: false, refusal: 'not-found', sizeBytes: undefined } as const;

interface Bench {
  readonly deliverables: Deliverables;
  readonly told: EventBody<AgentEvent>[];
  readonly answers: DeliverableAnswer[];
  readonly said: string[];
}

function createBench(changes: Partial<CreateDeliverablesOptions>): Bench {
  const told: EventBody<AgentEvent>[] = [];
  const answers: DeliverableAnswer[] = [];
  const said: string[] = [];
  const deliverables = createDeliverables({
    host: createLocalHost(),
    workdir: '/w',
    maxBytes: 10,
    reconnectLimitMs: 1,
    onUnreachable: () => undefined,
    handle: undefined,
    emit: (_position, body) => void told.push(body),
    mail: {
      say: (text) => void said.push(text),
      answer: (answer) => void answers.push(answer),
      resume: () => undefined,
      close: () => undefined,
    },
    answerAccepted: false,
    abortSignal: new AbortController().signal,
    onChange: () => undefined,
    ...changes,
  });
  return { deliverables, told, answers, said };
}

/** Announces a file and waits until it needs no more work. */
const settle = (deliverables: Deliverables, found: typeof fine | typeof missing): Promise<void> =>
  new Promise((resolve) => void deliverables.take(position, 'deliverables/a', found, resolve));

describe('createDeliverables', () => {
  it('answers what is refused, and what is accepted only on request', async () => {
    for (const answerAccepted of [false, true]) {
      const { deliverables, told, answers } = createBench({ answerAccepted });
      await settle(deliverables, fine);
      await settle(deliverables, missing);
      expect(told).toMatchObject([{ type: 'deliverable' }, { type: 'deliverable-rejected', refusal: 'not-found' }]);
      const refused = { path: 'deliverables/a', reason: 'not found' };
      expect(answers).toEqual([...(answerAccepted ? [{ ...refused, reason: undefined }] : []), refused]);
    }
  });

  it('says what the hook returns, and keeps its failure from the agent', async () => {
    const answersOfHook = ['write more', '', undefined];
    const { deliverables, told, answers, said } = createBench({
      handle: () =>
        answersOfHook.length > 0 ? Promise.resolve(answersOfHook.shift()) : Promise.reject(new Error('disk full')),
    });
    for (let file = 0; file < 4; file += 1) await settle(deliverables, fine);
    expect(said).toEqual(['write more']);
    expect(answers).toEqual([]);
    expect(told.at(-1)).toMatchObject({
      type: 'deliverable-rejected',
      refusal: 'hook-failed',
      reason: 'onDeliverable callback raised: disk full',
    });
  });

  it('says nothing of a file whose hook was given up, and calls it for no further one', async () => {
    const calls: PromiseWithResolvers<string>[] = [];
    const { deliverables, told, said } = createBench({
      handle: () => {
        const call = Promise.withResolvers<string>();
        calls.push(call);
        return call.promise;
      },
    });
    const settled: string[] = [];
    for (const name of ['a', 'b']) await deliverables.take(position, name, fine, () => settled.push(name));
    await new Promise(setImmediate);
    deliverables.close();
    calls[0]?.resolve('too late');
    await new Promise(setImmediate);
    expect([calls.length, told, said, settled]).toEqual([1, [], [], []]);
  });

  it('leaves what cannot be looked at for whoever goes on, once it is told to end', async () => {
    const controller = new AbortController();
    const { deliverables, told } = createBench({ abortSignal: controller.signal });
    let isSettled = false;
    controller.abort();
    await deliverables.take(position, 'a', { error: new Error('ended') }, () => {
      isSettled = true;
    });
    expect([told, isSettled, deliverables.reading]).toEqual([[], false, 0]);
  });

  it('holds the log up when 64 wait for the hook, and not when it is read to its end', async () => {
    const { deliverables } = createBench({ handle: () => new Promise(() => undefined) });
    for (let file = 0; file < 64; file += 1) await deliverables.take(position, 'a', fine, () => undefined);
    let isTaken = false;
    const next = deliverables
      .take(position, 'a', fine, () => undefined)
      .then(() => {
        isTaken = true;
      });
    await new Promise(setImmediate);
    expect([isTaken, deliverables.queued]).toEqual([false, 64]);
    deliverables.admitAll();
    await next;
    expect(deliverables.queued).toBe(65);
  });
});
