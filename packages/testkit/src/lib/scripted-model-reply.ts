import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import type { ScriptedModelRequest, ScriptedToolCall } from './scripted-model-request.ts';

/** What the model says: words, tool calls, or both. */
export interface ScriptedMessage {
  readonly text?: string;
  readonly toolCalls?: readonly ScriptedToolCall[];
  /** Milliseconds before the answer begins. @default 0 */
  readonly delayMs?: number;
}

/** The model refuses. opencode repeats 429 and 5xx for about a minute, 401 and 400 not at all. */
export interface ScriptedFailure {
  /** HTTP status. */
  readonly status: number;
  /** @default 'The scripted model refuses' */
  readonly message?: string;
  /** @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds before the answer. @default 0 */
  readonly delayMs?: number;
}

/** The model never comes to an end: the connection stays open until the client gives up or the model is closed. */
export interface ScriptedHang {
  readonly hangs: true;
  /** Said before it falls silent. @default nothing, not even headers */
  readonly text?: string;
}

/** What the model answers. */
export type ScriptedModelReply = ScriptedMessage | ScriptedFailure | ScriptedHang;

/** Writes a reply, as a stream of events where the request asked for one. */
export async function writeReply(
  response: ServerResponse,
  request: ScriptedModelRequest,
  reply: ScriptedModelReply,
  closing: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const abortSignal = AbortSignal.any([closing, gone.signal]);

  if ('hangs' in reply) {
    if (reply.text !== undefined) {
      startStream(response);
      sendChunk(response, request, { role: 'assistant', content: reply.text }, null);
    }
    if (!abortSignal.aborted) await once(abortSignal, 'abort');
    response.destroy();
    return;
  }
  if (reply.delayMs !== undefined) await delay(reply.delayMs, undefined, { signal: abortSignal });
  if ('status' in reply) {
    const error = {
      message: reply.message ?? 'The scripted model refuses',
      type: 'scripted_error',
    };
    response
      .writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
      .end(JSON.stringify({ error }));
    return;
  }
  if (request.isStreamed) streamMessage(response, request, reply);
  else sendMessage(response, request, reply);
}

function streamMessage(response: ServerResponse, request: ScriptedModelRequest, reply: ScriptedMessage): void {
  startStream(response);
  sendChunk(response, request, { role: 'assistant', content: '' }, null);
  // Real models send words in pieces; a client that only works with whole texts is to fail here.
  for (const piece of (reply.text ?? '').match(/[^]{1,24}/gu) ?? [])
    sendChunk(response, request, { content: piece }, null);
  for (const [index, call] of (reply.toolCalls ?? []).entries()) {
    sendChunk(response, request, { tool_calls: [{ index, ...toolCall(request, call, index) }] }, null);
  }
  sendChunk(response, request, {}, finishReason(reply));
  response.write(
    `data: ${JSON.stringify({ ...envelope(request, 'chat.completion.chunk'), choices: [], usage: usageOf(request, reply) })}\n\n`,
  );
  response.end('data: [DONE]\n\n');
}

function sendMessage(response: ServerResponse, request: ScriptedModelRequest, reply: ScriptedMessage): void {
  const calls = reply.toolCalls ?? [];
  const message = {
    role: 'assistant',
    content: reply.text ?? null,
    ...(calls.length === 0 ? {} : { tool_calls: calls.map((call, index) => toolCall(request, call, index)) }),
  };
  response.writeHead(200, { 'content-type': 'application/json' }).end(
    JSON.stringify({
      ...envelope(request, 'chat.completion'),
      choices: [{ index: 0, message, finish_reason: finishReason(reply) }],
      usage: usageOf(request, reply),
    }),
  );
}

function startStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
}

function sendChunk(
  response: ServerResponse,
  request: ScriptedModelRequest,
  delta: unknown,
  finish: string | null,
): void {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  response.write(`data: ${JSON.stringify({ ...envelope(request, 'chat.completion.chunk'), choices })}\n\n`);
}

function envelope(request: ScriptedModelRequest, object: string): Record<string, unknown> {
  return {
    id: `chatcmpl-${request.index}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: request.model,
  };
}

function toolCall(request: ScriptedModelRequest, call: ScriptedToolCall, index: number): Record<string, unknown> {
  const id = `call_${request.index}_${index}`;
  return {
    id,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  };
}

function finishReason(reply: ScriptedMessage): string {
  return (reply.toolCalls ?? []).length > 0 ? 'tool_calls' : 'stop';
}

/** Rough, but never 0: opencode adds them up. */
function usageOf(request: ScriptedModelRequest, reply: ScriptedMessage): Record<string, number> {
  const promptTokens = 1 + Math.ceil((request.system.length + request.prompt.length) / 4);
  const completionTokens = 1 + Math.ceil((reply.text ?? '').length / 4);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
