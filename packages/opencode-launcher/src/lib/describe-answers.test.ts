import { describe, expect, it } from 'vitest';

import { describeMessage, describeModelError, describeStatus } from './describe-answers.ts';

type RawMessage = Parameters<typeof describeMessage>[0];

/** Answers hold much more than is looked at. */
function message(info: unknown, parts: unknown = []): RawMessage {
  return { info, parts } as RawMessage;
}

describe('describeMessage', () => {
  it('joins texts and lists tool calls', () => {
    const parts = [
      { type: 'step-start' },
      { type: 'text', text: 'one' },
      { type: 'text', text: 'left out', ignored: true },
      { type: 'tool', tool: 'bash', state: { status: 'completed' } },
      { type: 'text', text: 'two' },
    ];
    const info = { id: 'msg_1', role: 'assistant', providerID: 'a', modelID: 'b', finish: 'stop' };
    expect(describeMessage(message(info, parts))).toEqual({
      id: 'msg_1',
      role: 'assistant',
      text: 'one\ntwo',
      model: { providerId: 'a', modelId: 'b' },
      finish: 'stop',
      error: undefined,
      toolCalls: [{ tool: 'bash', status: 'completed' }],
    });
  });

  it.each([
    ['beside the rest', { providerID: 'a', modelID: 'b' }],
    ['in a member of its own', { model: { providerID: 'a', modelID: 'b' } }],
  ])('finds the model %s', (_where, info) => {
    expect(describeMessage(message({ role: 'assistant', ...info })).model).toEqual({ providerId: 'a', modelId: 'b' });
  });

  it('knows no model where none is', () => {
    expect(describeMessage(message({ role: 'user' })).model).toBeUndefined();
  });

  it('tells why an answer failed', () => {
    const error = { name: 'APIError', data: { message: 'Incorrect API key', statusCode: 401 } };
    expect(describeMessage(message({ role: 'assistant', error })).error).toEqual({
      name: 'APIError',
      message: 'Incorrect API key',
      statusCode: 401,
    });
  });
});

describe('describeModelError', () => {
  it.each([undefined, null, 'text', {}, { data: null }])('makes do with %j', (raw) => {
    expect(describeModelError(raw)).toEqual({ name: 'UnknownError', message: 'UnknownError', statusCode: undefined });
  });
});

describe('describeStatus', () => {
  it('lists what is busy or waits, and leaves out what is idle', () => {
    const retry = { type: 'retry', attempt: 2, message: 'slow down', next: 1000 } as const;
    const status = describeStatus({ ses_1: { type: 'busy' }, ses_2: { type: 'idle' }, ses_3: retry });
    expect([...status]).toEqual([
      ['ses_1', { type: 'busy' }],
      ['ses_3', { type: 'retry', attempt: 2, message: 'slow down', nextAt: new Date(1000) }],
    ]);
  });
});
