import type { Message, Part, Session, SessionStatus } from '@opencode-ai/sdk/v2/client';

import { OpencodeError } from './errors.ts';
import type {
  OpencodeMessage,
  OpencodeModel,
  OpencodeModelError,
  OpencodeSession,
  OpencodeSessionStatus,
} from './opencode-client.ts';

/** Reads a session as opencode answers it. */
export function describeSession(raw: Session): OpencodeSession {
  if (typeof raw.id !== 'string') throw new OpencodeError('RESPONSE_INVALID', 'A session without an id');
  return { id: raw.id, directory: raw.directory, title: raw.title, parentId: raw.parentID };
}

/** Reads a message with its parts. */
export function describeMessage(raw: { readonly info: Message; readonly parts: readonly Part[] }): OpencodeMessage {
  const { info, parts } = raw;
  return {
    id: info.id,
    role: info.role,
    text: parts.flatMap((part) => (part.type === 'text' && part.ignored !== true ? [part.text] : [])).join('\n'),
    model: modelOf(info),
    finish: info.role === 'assistant' ? info.finish : undefined,
    error: info.role === 'assistant' && info.error !== undefined ? describeModelError(info.error) : undefined,
    toolCalls: parts.flatMap((part) => (part.type === 'tool' ? [{ tool: part.tool, status: part.state.status }] : [])),
  };
}

/** Reads why a model failed, from a message or from the `error` of a `session.error` event. */
export function describeModelError(raw: unknown): OpencodeModelError {
  const error = (raw ?? {}) as {
    readonly name?: unknown;
    readonly data?: { readonly message?: unknown; readonly statusCode?: unknown } | null;
  };
  const name = typeof error.name === 'string' ? error.name : 'UnknownError';
  const message = typeof error.data?.message === 'string' ? error.data.message : name;
  return { name, message, statusCode: typeof error.data?.statusCode === 'number' ? error.data.statusCode : undefined };
}

/** Reads the table of sessions that do something. */
export function describeStatus(
  raw: Readonly<Record<string, SessionStatus>>,
): ReadonlyMap<string, OpencodeSessionStatus> {
  const sessions = new Map<string, OpencodeSessionStatus>();
  for (const [id, status] of Object.entries(raw)) {
    if (status.type === 'busy') sessions.set(id, { type: 'busy' });
    if (status.type === 'retry') {
      sessions.set(id, {
        type: 'retry',
        attempt: status.attempt,
        message: status.message,
        nextAt: new Date(status.next),
      });
    }
  }
  return sessions;
}

/** Versions differ in where they put it: beside the rest, or in a `model` of its own. */
function modelOf(info: Message): OpencodeModel | undefined {
  const nested = 'model' in info ? info.model : undefined;
  const { providerID, modelID } = nested ?? (info as { readonly providerID?: string; readonly modelID?: string });
  return providerID === undefined || modelID === undefined ? undefined : { providerId: providerID, modelId: modelID };
}
