import type { IncomingMessage } from 'node:http';

/** One message of the conversation as the model receives it, text parts joined. */
export interface ScriptedModelMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  /** Empty for an assistant message that has tool calls only. */
  readonly text: string;
  /** Of an assistant message; empty for the others. */
  readonly toolCalls: readonly ScriptedToolCall[];
}

/** A call of a tool that the agent offers. */
export interface ScriptedToolCall {
  /** As opencode offers it: `bash`, `write`, `read`… */
  readonly name: string;
  /** Its arguments as the tool names them. */
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** What the model was asked. */
export interface ScriptedModelRequest {
  /** 0 for the first request that this server got. */
  readonly index: number;
  /** `agent` for the work itself; opencode also asks for a title of the session and for summaries. */
  readonly kind: 'agent' | 'title' | 'summary';
  /** Whether an Authorization header was there. Its value is not kept. */
  readonly hasAuthorization: boolean;
  /** The model's name as asked for, without the provider. */
  readonly model: string;
  /** Whether the answer is to be streamed. */
  readonly isStreamed: boolean;
  /** Names of the tools on offer. */
  readonly tools: readonly string[];
  /** All system messages, joined by an empty line: AGENTS.md is in here. */
  readonly system: string;
  /** The conversation without its system messages, oldest first. */
  readonly messages: readonly ScriptedModelMessage[];
  /** Text of the last user message. */
  readonly prompt: string;
  /** Assistant messages after the last user message: 0 for the first request of a turn, 1 after its first tool call… */
  readonly step: number;
}

interface RawMessage {
  readonly role?: string;
  readonly content?: string | readonly { readonly type?: string; readonly text?: string }[] | null;
  readonly tool_calls?: readonly {
    readonly function?: { readonly name?: string; readonly arguments?: string };
  }[];
}

interface RawRequest {
  readonly model?: string;
  readonly stream?: boolean;
  readonly messages?: readonly RawMessage[];
  readonly tools?: readonly { readonly function?: { readonly name?: string } }[];
}

/** Reads the body of a chat completion request. */
export async function readScriptedModelRequest(
  incoming: IncomingMessage,
  index: number,
): Promise<ScriptedModelRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const raw = JSON.parse(Buffer.concat(chunks).toString('utf8')) as RawRequest;
  return describeRequest(raw, {
    index,
    hasAuthorization: incoming.headers.authorization !== undefined,
  });
}

function describeRequest(
  raw: RawRequest,
  facts: { readonly index: number; readonly hasAuthorization: boolean },
): ScriptedModelRequest {
  const all = (raw.messages ?? []).map(describeMessage);
  const messages = all.filter((message) => message.role !== 'system');
  const system = all
    .filter((message) => message.role === 'system')
    .map((message) => message.text)
    .join('\n\n');
  const tools = (raw.tools ?? []).map((tool) => tool.function?.name ?? '');
  const lastUser = messages.findLastIndex((message) => message.role === 'user');
  return {
    index: facts.index,
    kind: kindOf(system, tools),
    hasAuthorization: facts.hasAuthorization,
    model: raw.model ?? '',
    isStreamed: raw.stream === true,
    tools,
    system,
    messages,
    prompt: messages[lastUser]?.text ?? '',
    step: messages.slice(lastUser + 1).filter((message) => message.role === 'assistant').length,
  };
}

/** opencode's own helpers offer no tools and say in their system prompt what they are. */
function kindOf(system: string, tools: readonly string[]): ScriptedModelRequest['kind'] {
  if (tools.length > 0) return 'agent';
  if (/title generator/i.test(system)) return 'title';
  if (/summari[sz]/i.test(system)) return 'summary';
  return 'agent';
}

function describeMessage(raw: RawMessage): ScriptedModelMessage {
  const content = raw.content ?? '';
  return {
    role: raw.role === 'system' || raw.role === 'assistant' || raw.role === 'tool' ? raw.role : 'user',
    text: typeof content === 'string' ? content : content.map((part) => part.text ?? '').join('\n'),
    toolCalls: (raw.tool_calls ?? []).map((call) => ({
      name: call.function?.name ?? '',
      arguments: JSON.parse(call.function?.arguments ?? '{}') as Record<string, unknown>,
    })),
  };
}
