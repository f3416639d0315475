import { composeDeliverableMessage } from '@optio-ts/agents-prompt';
import type { DeliverableAnswer } from '@optio-ts/agents-prompt';

/** Options of `createAgentMail`. */
export interface CreateAgentMailOptions {
  /** Whether there is an agent that can be spoken to. */
  readonly canSend: () => boolean;
  /** Says it. Never rejects: a message that does not get through ends no session. */
  readonly send: (text: string) => Promise<unknown>;
}

/** Messages to the agent, one at a time. What comes while one is under way goes out together: each costs the agent a turn. */
export interface AgentMail {
  say(text: string): void;
  answer(answer: DeliverableAnswer): void;
  /** Drops what was not sent. */
  close(): void;
}

/** At most this many texts wait: an agent that announces a thousand missing files gets no thousand answers. */
const MAX_WAITING = 64;

/** Creates the outbox to one agent. */
export function createAgentMail({ canSend, send }: CreateAgentMailOptions): AgentMail {
  let texts: string[] = [];
  let answers: DeliverableAnswer[] = [];
  let isSending = false;
  let isClosed = false;

  const flush = async (): Promise<void> => {
    isSending = true;
    // Answers that are given in the same moment share a message.
    await Promise.resolve();
    while (!isClosed && canSend() && texts.length + answers.length > 0) {
      const parts = answers.length === 0 ? texts : [...texts, composeDeliverableMessage(answers)];
      texts = [];
      answers = [];
      await send(parts.join('\n\n'));
    }
    isSending = false;
  };
  const put = <Item>(waiting: Item[], item: Item): void => {
    if (isClosed || waiting.length >= MAX_WAITING) return;
    waiting.push(item);
    if (!isSending) void flush();
  };

  return {
    say: (text) => put(texts, text),
    answer: (answer) => put(answers, answer),
    close: () => {
      isClosed = true;
    },
  };
}
