import { describe, expect, it } from 'vitest';

import { readActivity } from './watch-activity.ts';

const event = (type: string, properties: Record<string, unknown> = {}, sessionId = 'ses_1') => ({
  type,
  sessionId,
  directory: undefined,
  properties,
});

describe('readActivity', () => {
  it.each([
    [event('session.idle'), { type: 'idle' }],
    [event('session.status', { status: { type: 'idle' } }), { type: 'idle' }],
    [event('session.status', { status: { type: 'busy' } }), { type: 'busy' }],
    [event('session.status', { status: { type: 'retry', message: 'overloaded' } }), { type: 'busy' }],
    [
      event('session.error', { error: { name: 'APIError', data: { message: 'no credit' } } }),
      { type: 'failed', message: 'no credit' },
    ],
    [event('session.error', { error: { name: 'UnknownError' } }), { type: 'failed', message: 'UnknownError' }],
    [event('session.error', { error: { name: 'MessageAbortedError' } }), undefined],
    [event('session.idle', {}, 'ses_of_a_subagent'), undefined],
    [event('message.updated'), undefined],
  ])('reads %j', (given, activity) => {
    expect(readActivity(given, 'ses_1')).toEqual(activity);
  });

  it('notices that a subagent waits for a person', () => {
    const given = event('permission.asked', { permission: 'bash' }, 'ses_of_a_subagent');
    expect(readActivity(given, 'ses_1')).toEqual({ type: 'waiting', reason: 'The agent asks for permission: bash' });
  });
});
