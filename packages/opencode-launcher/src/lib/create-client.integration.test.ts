import { logLines } from '@optio-ts/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { setStage, takeTurn } from '../../test/stage.ts';
import type { Stage } from '../../test/stage.ts';

// A start takes 2 s on an idle machine and ten times that on a busy one.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterEach(() => stage.stopServers());

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

describe('OpencodeClient', () => {
  it('shows what the agent waits for, and lets it go on', async () => {
    const question = {
      question: 'Which colour?',
      header: 'Colour',
      options: [
        { label: 'Blue', description: 'as the sky' },
        { label: 'Red', description: 'as a rose' },
      ],
    };
    stage.play(
      ({ step, messages }) =>
        [
          { toolCalls: [logLines(['STATUS: allowed'])] },
          { toolCalls: [{ name: 'question', arguments: { questions: [question] } }] },
        ][step] ?? {
          text: `done: ${messages.at(-1)?.text ?? ''}`,
        },
    );
    const server = await stage.launch(
      await stage.optionsFor({ isAttended: true, config: { permission: { bash: 'ask' } } }),
    );
    const { client } = server;
    const { id } = await client.createSession({ title: 'A test' });
    for await (const event of client.events()) {
      if (event.type === 'server.connected') await client.prompt(id, { text: 'Begin.' });
      if (event.type === 'permission.asked') {
        const [request, ...others] = await client.permissions.list();
        expect([request?.sessionId, request?.permission, others]).toEqual([id, 'bash', []]);
        expect([...(await client.status())]).toEqual([[id, { type: 'busy' }]]);
        await client.permissions.reply(request?.id ?? '', { reply: 'once' });
      }
      if (event.type === 'question.asked') {
        const [request] = await client.questions.list();
        expect(request).toMatchObject({ sessionId: id, questions: [{ question: 'Which colour?', isMultiple: false }] });
        await client.questions.reply(request?.id ?? '', { answers: [['Blue']] });
      }
      if (event.type === 'session.idle' && event.sessionId === id) break;
    }
    const messages = await client.messages(id);
    expect(messages.at(-1)?.text).toContain('Blue');
    expect(messages.flatMap(({ toolCalls }) => toolCalls)).toEqual([
      { tool: 'bash', status: 'completed' },
      { tool: 'question', status: 'completed' },
    ]);
  });

  it('tells why a model failed, and aborts one that hangs', async () => {
    stage.play(() => ({ status: 401, message: 'Incorrect API key' }));
    const server = await stage.launch(await stage.optionsFor());
    const { client } = server;
    const { id } = await client.createSession({ title: 'A test' });
    await takeTurn(server, id);
    expect((await client.messages(id)).at(-1)?.error).toMatchObject({
      name: 'APIError',
      message: 'Incorrect API key',
      statusCode: 401,
    });

    stage.play(() => ({ hangs: true }));
    const count = stage.model.requests.length;
    const hung = takeTurn(server, id, 'Go on.');
    await stage.model.waitForRequest(({ index, kind }) => index >= count && kind === 'agent');
    await client.abort(id);
    await hung;
    expect((await client.messages(id)).at(-1)?.error?.name).toBe('MessageAbortedError');
    expect(await server.outputTail()).toContain('opencode server listening on http://127.0.0.1:');
  });

  it('knows a session that is not there', async () => {
    const server = await stage.launch(await stage.optionsFor());
    await expect(server.client.session('ses_none')).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND', status: 404 });
    await expect(server.exportSession('ses_none')).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
  });
});
