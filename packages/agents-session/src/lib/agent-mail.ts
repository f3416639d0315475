import { setTimeout as delay } from 'node:timers/promises';

import { composeDeliverableMessage } from '@optio-ts/agents-prompt';
import type { DeliverableAnswer } from '@optio-ts/agents-prompt';

/** Options of `createAgentMail`. */
export interface CreateAgentMailOptions {
  /** Whether there is an agent that can be spoken to. */
  readonly canSend: () => boolean;
  /** Says it. Never rejects: a message that does not get through ends no session. */
  readonly send: (text: string) => Promise<unknown>;
  /** Milliseconds between two messages of answers; each further one waits twice as long as the one before. @default 1000 */
  readonly pauseMs?: number;
}

/**
 * Messages to the agent, one at a time. What comes while one is under way goes out together, and answers are collected for longer
 * the more of them there are: each message costs the agent a turn.
 */
export interface AgentMail {
  say(text: string): void;
  answer(answer: DeliverableAnswer): void;
  /** Says that there is an agent now: sends what has waited for it. */
  resume(): void;
  /** Drops what was not sent. */
  close(): void;
}

/** At most this many texts wait; of answers so many are named, the rest is counted. */
const MAX_WAITING = 64;

/** The longest pause between two messages of answers. */
const LAST_PAUSE_MS = 60_000;

/** Creates the outbox to one agent. */
export function createAgentMail({ canSend, send, pauseMs = 1000 }: CreateAgentMailOptions): AgentMail {
  let texts: string[] = [];
  let answers: DeliverableAnswer[] = [];
  let unnamed = 0;
  let isSending = false;
  const closing = new AbortController();
  /** Answers may go out from then on, by `performance.now()`. */
  let answersAt = 0;
  let nextPauseMs = pauseMs;

  const takeParts = (): string[] => {
    const parts = texts;
    texts = [];
    if (answers.length === 0 || performance.now() < answersAt) return parts;
    parts.push(composeDeliverableMessage(answers, { unnamed }));
    answers = [];
    unnamed = 0;
    const isCalm = performance.now() > answersAt + nextPauseMs;
    nextPauseMs = isCalm ? pauseMs : Math.min(nextPauseMs * 2, LAST_PAUSE_MS);
    answersAt = performance.now() + nextPauseMs;
    return parts;
  };
  const flush = async (): Promise<void> => {
    isSending = true;
    // Answers that are given in the same moment share a message.
    await Promise.resolve();
    while (!closing.signal.aborted && canSend() && texts.length + answers.length > 0) {
      const parts = takeParts();
      if (parts.length > 0) await send(parts.join('\n\n'));
      else await pause();
    }
    isSending = false;
  };
  let wake = (): void => undefined;
  const pause = async (): Promise<void> => {
    const waking = new AbortController();
    wake = () => waking.abort();
    const signal = AbortSignal.any([closing.signal, waking.signal]);
    // Both end the pause, which is all that is wanted of them.
    await delay(answersAt - performance.now(), undefined, { signal, ref: false }).catch(() => undefined);
  };

  return {
    say: (text) => {
      if (closing.signal.aborted || texts.length >= MAX_WAITING) return;
      texts.push(text);
      // It need not wait for answers.
      wake();
      if (!isSending) void flush();
    },
    answer: (answer) => {
      if (closing.signal.aborted) return;
      if (answers.length >= MAX_WAITING) unnamed += 1;
      else answers.push(answer);
      if (!isSending) void flush();
    },
    resume: () => {
      if (!isSending) void flush();
    },
    close: () => closing.abort(),
  };
}
