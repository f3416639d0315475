import { readdir } from 'node:fs/promises';

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { setStage, takeTurn } from '../../test/stage.ts';
import type { Stage } from '../../test/stage.ts';
import { importSession } from './session-import.ts';

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

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

describe.each(['off', 'required'] as const)('exportSession and importSession with confine: %s', (confine) => {
  it("takes a session elsewhere, its subagent's included", async (context) => {
    if (confine === 'required' && !stage.probe.canConfine) context.skip('needs bubblewrap: apt-get install bubblewrap');
    const subagent = {
      name: 'task',
      arguments: { description: 'Look', prompt: 'Look around.', subagent_type: 'general' },
    };
    const todos = {
      name: 'todowrite',
      arguments: { todos: [{ content: 'finish', status: 'pending', priority: 'high' }] },
    };
    stage.play(({ step, prompt }) => {
      if (prompt === 'Look around.') return { text: 'Nothing here.' };
      return [{ toolCalls: [todos] }, { toolCalls: [subagent] }][step] ?? { text: 'Remember pineapple — “ünïcode”.' };
    });
    const first = await stage.launch(await stage.optionsFor({ confine }));
    const { id } = await first.client.createSession({ title: 'A long session' });
    await takeTurn(first, id);
    const exported = await first.exportSession(id);
    expect(exported.childCount).toBe(1);
    const chunks: Uint8Array[] = [];
    for await (const chunk of exported.content()) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const parsed = JSON.parse(bytes.toString('utf8')) as {
      optio: { todos: unknown[]; children: { info: { parentID: string } }[] };
    };
    expect(parsed.optio).toMatchObject({
      format: 1,
      opencodeVersion: stage.binary.version,
      children: [{ info: { parentID: id } }],
    });
    expect(parsed.optio.todos).toMatchObject([{ content: 'finish' }]);
    const messages = await first.client.messages(id);
    await first.stop();

    const elsewhere = await stage.optionsFor({ confine });
    const content = pieces(bytes, 1000);
    expect(await importSession({ ...elsewhere, content })).toEqual({ sessionId: id, childCount: 1, failures: [] });
    expect(await readdir(elsewhere.workspace.temporaryDirectory)).not.toContainEqual(
      expect.stringContaining('import-'),
    );
    const second = await stage.launch(elsewhere);
    expect(await second.client.session(id)).toMatchObject({
      directory: elsewhere.workspace.workdir,
      title: 'A long session',
    });
    expect(await second.client.messages(id)).toEqual(messages);
    expect(await second.client.children(id)).toMatchObject([{ parentId: id }]);

    stage.play(({ messages: conversation }) => ({
      text: `I remember ${conversation.some(({ text }) => text.includes('pineapple'))}`,
    }));
    await takeTurn(second, id, 'What do you remember?');
    expect((await second.client.messages(id)).at(-1)?.text).toBe('I remember true');
  });
});

describe('importSession', () => {
  it('refuses what is not a whole export, and says what opencode refuses', async () => {
    const options = await stage.optionsFor();
    const refused = async (text: string): Promise<unknown> =>
      importSession({ ...options, content: pieces(Buffer.from(text), 7) }).catch((error: unknown) => error);
    expect(await refused('{"info":{"id":"ses_1"},"messages":[')).toMatchObject({ code: 'EXPORT_INVALID' });
    expect(await refused('{"info":{"id":"ses_1"}}')).toMatchObject({ code: 'EXPORT_INVALID' });
    expect(await refused('null')).toMatchObject({ code: 'EXPORT_INVALID' });
    // Whole as JSON, but not what opencode takes: only now is it run.
    expect(await refused('{"info":{"id":"ses_1"},"messages":[]}')).toMatchObject({ code: 'IMPORT_FAILED' });
    expect(await readdir(options.workspace.temporaryDirectory)).not.toContainEqual(expect.stringContaining('import-'));
  });
});
