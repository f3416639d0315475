import type { OpencodeSession } from '@optio-ts/opencode-session';

import type { AnswerRequest } from './protocol.ts';

/** Hands a person's answer to the agent. Throws what opencode's client throws. */
export async function answerWith(
  session: Pick<OpencodeSession, 'answerPermission' | 'answerQuestion'>,
  requestId: string,
  answer: AnswerRequest,
): Promise<void> {
  if (answer.type === 'question') return session.answerQuestion(requestId, { answers: answer.answers });
  const { reply, message } = answer;
  return session.answerPermission(requestId, { reply, ...(message === undefined ? {} : { message }) });
}
