import { cleanLine } from '@optio-ts/agents-prompt';
import type {
  OpencodeClient,
  OpencodeEvent,
  OpencodePermissionRequest,
  OpencodeQuestionRequest,
} from '@optio-ts/opencode-launcher';

import { messageOf } from './errors.ts';
import type { SessionEmit } from './session-emit.ts';

/** An answer to a permission that the agent asks for. A `reject` with a message lets the agent go on; without one its turn ends. */
export interface PermissionAnswer {
  readonly reply: 'once' | 'always' | 'reject';
  readonly message?: string;
}

/** An answer to a question of the agent: one list of labels, or of free text, for each question of the request. */
export interface QuestionAnswer {
  readonly answers: readonly (readonly string[])[];
}

/** What becomes of permissions that the agent asks for; from a function, `undefined` leaves one to a person. */
export type PermissionPolicy =
  | 'allow'
  | 'attention'
  | 'decline'
  | ((request: OpencodePermissionRequest) => PermissionAnswer | undefined | Promise<PermissionAnswer | undefined>);

/** What becomes of questions of the agent; from a function, `undefined` leaves one to a person. */
export type QuestionPolicy =
  | 'attention'
  | 'decline'
  | ((request: OpencodeQuestionRequest) => QuestionAnswer | undefined | Promise<QuestionAnswer | undefined>);

/** Options of `createAgentRequests`. */
export interface CreateAgentRequestsOptions {
  readonly client: Pick<OpencodeClient, 'permissions' | 'questions'>;
  readonly onPermission: PermissionPolicy | undefined;
  readonly onQuestion: QuestionPolicy | undefined;
  readonly emit: SessionEmit;
  /** The agent may wait for something already. @default false */
  readonly isAdopted?: boolean;
}

/** What an agent waits for: each request is answered by its policy, or told to a person, once. */
export interface AgentRequests {
  /** Takes one of opencode's events. A subagent's request blocks the agent as well as one of its own. */
  heed(event: OpencodeEvent): void;
}

const DECLINED = 'Declined: nobody is here to allow it. Find another way, or end with ERROR.';
const DECIDE = 'Nobody is here to answer. Decide for yourself, and say in your report what you assumed.';

/** Answers or tells what the agent of one session waits for. */
export function createAgentRequests(options: CreateAgentRequestsOptions): AgentRequests {
  const { client, onPermission = 'attention', onQuestion = 'attention', emit } = options;
  const known = new Set<string>();
  let isConnected = options.isAdopted ?? false;

  const warn = (id: string, error: unknown): void =>
    emit({ type: 'warning', code: 'REQUEST_NOT_ANSWERED', message: `Request ${id}: ${messageOf(error)}` });

  const takePermission = async (request: OpencodePermissionRequest): Promise<void> => {
    const { id: requestId, permission, patterns } = request;
    try {
      const answer = await permissionAnswer(onPermission, request);
      if (answer !== undefined) return await client.permissions.reply(requestId, answer);
    } catch (error) {
      warn(requestId, error);
    }
    const clean = patterns.map((pattern) => cleanLine(pattern));
    emit({ type: 'permission-asked', requestId, permission: cleanLine(permission), patterns: clean });
    emit({
      type: 'attention',
      reason: `The agent asks for permission: ${[cleanLine(permission), ...clean].join(' ')}`,
    });
  };

  const takeQuestion = async (request: OpencodeQuestionRequest): Promise<void> => {
    const { id: requestId, questions } = request;
    try {
      const answer = await questionAnswer(onQuestion, request);
      if (answer !== undefined) return await client.questions.reply(requestId, answer);
    } catch (error) {
      warn(requestId, error);
    }
    emit({ type: 'question-asked', requestId, questions });
    emit({ type: 'attention', reason: `The agent asks: ${cleanLine(questions[0]?.question ?? '')}` });
  };

  const look = async (): Promise<void> => {
    const [permissions, questions] = await Promise.all([client.permissions.list(), client.questions.list()]);
    const isNew = ({ id }: { readonly id: string }): boolean => !known.has(id) && known.add(id) !== undefined;
    await Promise.all([...permissions.filter(isNew).map(takePermission), ...questions.filter(isNew).map(takeQuestion)]);
  };

  return {
    heed: ({ type, properties }) => {
      if (SETTLED.includes(type)) {
        const requestId = properties['requestID'];
        if (typeof requestId === 'string' && known.has(requestId)) emit({ type: 'request-settled', requestId });
        return;
      }
      // What was asked while the events were interrupted is asked for; before the first connection nobody has asked anything.
      const isNews = type === 'server.connected' ? isConnected : ASKED.includes(type);
      isConnected = true;
      if (isNews) look().catch((error: unknown) => warn('of the agent', error));
    },
  };
}

const ASKED: readonly string[] = ['permission.asked', 'question.asked'];
const SETTLED: readonly string[] = ['permission.replied', 'question.replied', 'question.rejected'];

async function permissionAnswer(
  policy: PermissionPolicy,
  request: OpencodePermissionRequest,
): Promise<PermissionAnswer | undefined> {
  if (typeof policy === 'function') return policy(request);
  if (policy === 'allow') return { reply: 'once' };
  return policy === 'decline' ? { reply: 'reject', message: DECLINED } : undefined;
}

async function questionAnswer(
  policy: QuestionPolicy,
  request: OpencodeQuestionRequest,
): Promise<QuestionAnswer | undefined> {
  if (typeof policy === 'function') return policy(request);
  return policy === 'decline' ? { answers: request.questions.map(() => [DECIDE]) } : undefined;
}
