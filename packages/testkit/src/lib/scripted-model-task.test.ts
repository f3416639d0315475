import { describe, expect, it } from 'vitest';

import type { ScriptedModelMessage, ScriptedModelRequest, ScriptedToolCall } from './scripted-model-request.ts';
import { logLines, taskScript } from './scripted-model-task.ts';

function request(messages: readonly ScriptedModelMessage[], system = ''): ScriptedModelRequest {
  const lastUser = messages.findLastIndex(({ role }) => role === 'user');
  const step = messages.slice(lastUser + 1).filter(({ role }) => role === 'assistant').length;
  const prompt = messages[lastUser]?.text ?? '';
  const facts = {
    index: 0,
    kind: 'agent',
    hasAuthorization: true,
    model: 'm',
    isStreamed: true,
    tools: ['bash'],
  } as const;
  return { ...facts, system, messages, prompt, step };
}

const user = (text: string): ScriptedModelMessage => ({ role: 'user', text, toolCalls: [] });

/** Plays the conversation until the model calls no more tools. */
function play(
  script: ReturnType<typeof taskScript>,
  messages: ScriptedModelMessage[],
  system = '',
): { calls: ScriptedToolCall[]; text: string } {
  const calls: ScriptedToolCall[] = [];
  for (;;) {
    const reply = script(request(messages, system));
    const toolCalls = reply.toolCalls ?? [];
    messages.push({ role: 'assistant', text: reply.text ?? '', toolCalls });
    if (toolCalls.length === 0) return { calls, text: reply.text ?? '' };
    calls.push(...toolCalls);
    messages.push({ role: 'tool', text: '', toolCalls: [] });
  }
}

describe('taskScript', () => {
  it('reports, writes, announces and ends, one call per request', () => {
    const { calls } = play(taskScript({ statuses: ['5% go'], deliverables: { 'a.md': 'text' }, summary: 'ok' }), [
      user('Begin.'),
    ]);
    expect(calls.map((call) => call.arguments['command'] ?? call.arguments['filePath'])).toEqual([
      logLines(['STATUS: 5% go']).arguments['command'],
      './deliverables/a.md',
      logLines(['DELIVERABLE: ./deliverables/a.md']).arguments['command'],
      logLines(['DONE: ok']).arguments['command'],
    ]);
  });

  it('writes what follows from the request', () => {
    const script = taskScript({ deliverables: { 'a.md': ({ system, prompt }) => `${system}/${prompt}` } });
    const { calls } = play(script, [user('Begin.')], 'the task');
    expect(calls.find(({ name }) => name === 'write')?.arguments['content']).toBe('the task/Begin.');
  });

  it('does its work once in a conversation, also when it is interrupted by a prompt', () => {
    const script = taskScript();
    const messages = [user('Begin.')];
    const { calls } = play(script, messages);
    messages.push(user('Well done.'));
    expect(play(script, messages)).toEqual({ calls: [], text: 'Understood.' });
    const interrupted = messages.slice(0, 3);
    interrupted.push(user('Hurry up.'));
    expect(play(script, interrupted).calls).toHaveLength(calls.length - 1);
  });

  it('does its work again for every prompt when told to', () => {
    const script = taskScript({ repeats: true });
    const messages = [user('Begin.')];
    const { calls } = play(script, messages);
    messages.push(user('Again.'));
    expect(play(script, messages).calls).toEqual(calls);
  });

  it('ends as told, or not at all', () => {
    const last = (ending: string): unknown =>
      play(taskScript({ ending, statuses: [], deliverables: {} }), [user('Begin.')]).calls.at(-1)?.arguments['command'];
    expect(last('ERROR: no access')).toContain('ERROR: no access');
    expect(last('')).toBeUndefined();
  });
});

describe('logLines', () => {
  it('quotes for the shell', () => {
    expect(logLines(["it's $HOME"]).arguments['command']).toBe(`printf '%s\\n' 'it'\\''s $HOME' >> ./optio.log`);
  });
});
