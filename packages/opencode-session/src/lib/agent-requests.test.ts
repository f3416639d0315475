import type { OpencodeEvent, OpencodePermissionRequest, OpencodeQuestionRequest } from '@optio-ts/opencode-launcher';
import { describe, expect, it } from 'vitest';

import { createAgentRequests } from './agent-requests.ts';
import type { CreateAgentRequestsOptions } from './agent-requests.ts';

const event = (type: string, properties: Record<string, unknown> = {}): OpencodeEvent => ({
  type,
  sessionId: 'ses_of_a_subagent',
  directory: undefined,
  properties,
});

const permission: OpencodePermissionRequest = {
  id: 'per_1',
  sessionId: 'ses_of_a_subagent',
  permission: 'bash',
  patterns: ['rm -rf \u001b[31mx\n'],
};
const question: OpencodeQuestionRequest = {
  id: 'que_1',
  sessionId: 'ses_1',
  questions: [
    { question: 'Which colour?', header: 'Colour', options: [], isMultiple: false },
    { question: 'Which size?', header: 'Size', options: [], isMultiple: false },
  ],
};

/** Plays events to what has one permission and one question waiting, and returns what came of it. */
async function play(
  policies: Partial<Pick<CreateAgentRequestsOptions, 'onPermission' | 'onQuestion'>>,
  ...events: OpencodeEvent[]
) {
  const told: Record<string, unknown>[] = [];
  const replies: unknown[] = [];
  const requests = createAgentRequests({
    onPermission: undefined,
    onQuestion: undefined,
    ...policies,
    emit: (body) => void told.push(body),
    client: {
      permissions: { list: async () => [permission], reply: async (id, answer) => void replies.push([id, answer]) },
      questions: {
        list: async () => [question],
        reply: async (id, answer) => void replies.push([id, answer]),
        reject: async () => undefined,
      },
    },
  });
  for (const each of events) {
    requests.heed(each);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  return { told, types: told.map(({ type }) => type), replies };
}

describe('createAgentRequests', () => {
  it('tells a person once what the agent waits for, and when that is over', async () => {
    const { told, types, replies } = await play(
      {},
      event('server.connected'),
      event('permission.asked'),
      event('question.asked'),
      event('server.connected'),
      event('permission.replied', { requestID: 'per_1' }),
      event('permission.replied', { requestID: 'per_of_another' }),
    );
    expect(types.filter((type) => type === 'attention')).toHaveLength(2);
    expect(types.filter((type) => type !== 'attention')).toEqual([
      'permission-asked',
      'question-asked',
      'request-settled',
    ]);
    expect(told).toContainEqual({ type: 'attention', reason: 'The agent asks for permission: bash rm -rf x' });
    expect(told).toContainEqual({ type: 'attention', reason: 'The agent asks: Which colour?' });
    expect(replies).toEqual([]);
  });

  it('answers by its policy, and disturbs nobody', async () => {
    const { types, replies } = await play({ onPermission: 'allow', onQuestion: 'decline' }, event('question.asked'));
    expect(types).toEqual([]);
    expect(replies).toEqual([
      ['per_1', { reply: 'once' }],
      ['que_1', { answers: [[expect.stringContaining('Decide')], [expect.stringContaining('Decide')]] }],
    ]);
  });

  it('declines with words, so that the agent goes on', async () => {
    const { replies } = await play({ onPermission: 'decline' }, event('permission.asked'));
    expect(replies).toEqual([['per_1', { reply: 'reject', message: expect.stringContaining('Declined') }]]);
  });

  it('lets a function decide, and a person where it does not', async () => {
    const asked: string[] = [];
    const { types, replies } = await play(
      {
        onPermission: async ({ permission: kind }) => {
          asked.push(kind);
          return undefined;
        },
        onQuestion: () => ({ answers: [['Blue'], ['XL']] }),
      },
      event('permission.asked'),
    );
    expect(asked).toEqual(['bash']);
    expect(replies).toEqual([['que_1', { answers: [['Blue'], ['XL']] }]]);
    expect(types).toEqual(['permission-asked', 'attention']);
  });

  it('calls a person when a policy fails', async () => {
    const onPermission = (): never => {
      throw new Error('no such rule');
    };
    const { told } = await play({ onPermission, onQuestion: 'decline' }, event('permission.asked'));
    expect(told).toMatchObject([
      { type: 'warning', code: 'REQUEST_NOT_ANSWERED', message: expect.stringContaining('no such rule') },
      { type: 'permission-asked' },
      { type: 'attention' },
    ]);
  });

  it('looks for what was asked while nobody heard it', async () => {
    const first = await play({ onPermission: 'allow', onQuestion: 'decline' }, event('server.connected'));
    expect(first.replies).toEqual([]);
    const again = await play(
      { onPermission: 'allow', onQuestion: 'decline' },
      event('server.connected'),
      event('server.connected'),
    );
    expect(again.replies).toHaveLength(2);
  });
});
