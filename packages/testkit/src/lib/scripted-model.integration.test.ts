import { afterEach, describe, expect, it } from 'vitest';

import { startScriptedModel } from './scripted-model.ts';
import type { ScriptedModel, StartScriptedModelOptions } from './scripted-model.ts';

let model: ScriptedModel | undefined;
afterEach(() => model?.close());

async function start(options: StartScriptedModelOptions): Promise<ScriptedModel> {
  model = await startScriptedModel(options);
  return model;
}

function ask(url: string, body: Record<string, unknown> = {}, key?: string): Promise<Response> {
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
  ];
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'm', messages, tools: [{ function: { name: 'bash' } }], ...body }),
  });
}

async function chunksOf(response: Response): Promise<Record<string, unknown>[]> {
  const lines = (await response.text()).split('\n\n').filter((line) => line !== '');
  expect(lines.pop()).toBe('data: [DONE]');
  return lines.map((line) => JSON.parse(line.replace('data: ', '')) as Record<string, unknown>);
}

describe('startScriptedModel', () => {
  it('answers with words and tool calls, whole or streamed', async () => {
    const call = { name: 'bash', arguments: { command: 'true' } };
    const { url } = await start({
      script: ({ prompt }) => ({ text: `You said ${prompt}, and here is more than one piece`, toolCalls: [call] }),
    });
    const whole = (await (await ask(url)).json()) as { choices: { message: unknown; finish_reason: string }[] };
    expect(whole.choices[0]).toMatchObject({
      message: {
        content: 'You said Hello, and here is more than one piece',
        tool_calls: [{ function: { name: 'bash', arguments: '{"command":"true"}' } }],
      },
      finish_reason: 'tool_calls',
    });
    const chunks = await chunksOf(await ask(url, { stream: true }));
    const deltas = chunks.flatMap(
      ({ choices }) => choices as { delta: { content?: string; tool_calls?: unknown[] } }[],
    );
    expect(deltas.map(({ delta }) => delta.content ?? '').join('')).toBe(
      'You said Hello, and here is more than one piece',
    );
    expect(deltas.filter(({ delta }) => delta.tool_calls !== undefined)).toHaveLength(1);
    expect(chunks.at(-1)).toHaveProperty('usage');
  });

  it('asks for the key, and records that there was one but not which', async () => {
    const { url, requests } = await start({ apiKey: 'the-key', script: () => ({ text: 'yes' }) });
    expect((await ask(url)).status).toBe(401);
    expect((await ask(url, {}, 'another')).status).toBe(401);
    expect((await ask(url, {}, 'the-key')).status).toBe(200);
    expect((await fetch(`${url}/v1/models`)).status).toBe(401);
    expect(requests.map(({ hasAuthorization }) => hasAuthorization)).toEqual([false, true, true]);
    expect(JSON.stringify(requests)).not.toContain('the-key');
  });

  it('answers for titles and summaries itself', async () => {
    const { url, requests } = await start({ script: () => ({ status: 500 }) });
    const messages = [{ role: 'system', content: 'You are a title generator.' }];
    expect((await ask(url, { tools: [], messages })).status).toBe(200);
    expect(requests[0]?.kind).toBe('title');
  });

  it('fails as told, and when the script does', async () => {
    const { url } = await start({
      script: ({ index }) => {
        if (index > 0) throw new Error('no script for this');
        return { status: 429, message: 'slow down', headers: { 'retry-after': '1' } };
      },
    });
    const refused = await ask(url);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    const failed = await ask(url);
    expect([failed.status, await failed.text()]).toEqual([500, expect.stringContaining('no script for this')]);
  });

  it('hangs until the client goes away', async () => {
    const scripted = await start({ script: () => ({ hangs: true, text: 'well…' }) });
    const abort = new AbortController();
    const response = await fetch(`${scripted.url}/v1/chat/completions`, {
      method: 'POST',
      body: '{"stream":true}',
      signal: abort.signal,
    });
    await scripted.waitForRequest(() => true);
    abort.abort();
    await expect(response.text()).rejects.toThrow();
  });

  it('closes in spite of open answers, and tells who waits', async () => {
    const scripted = await start({ script: () => ({ hangs: true }) });
    const answer = ask(scripted.url).catch(() => 'cut');
    await scripted.waitForRequest(() => true);
    const waiting = scripted.waitForRequest(({ index }) => index === 9).catch((error: Error) => error.message);
    await scripted.close();
    expect(await answer).toBe('cut');
    expect(await waiting).toContain('closed');
  });
});
