import { browserShims } from '@optio-ts/agents-prompt';

import type { EventEnvelope } from './events.ts';
import type { RunAgentSessionOptions } from './session-options.ts';

/** The options of a session that are numbers, with limits of their own. */
export type SessionNumbers = Pick<
  RunAgentSessionOptions<EventEnvelope>,
  'deadlineMs' | 'idleLimitMs' | 'limits' | 'logPollMs' | 'maxDeliverableBytes' | 'reconnectLimitMs'
>;

/** More is over at once: a timer has 32 bits. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * Refuses numbers that `runAgentSession` refuses, with a `TypeError` that names the option: for callers that have something to do before
 * they call it.
 */
export function checkSessionNumbers(options: SessionNumbers): void {
  const { maxDeliverableBytes = 1 } = options;
  const numbers: Readonly<Record<string, number | undefined>> = {
    deadlineMs: options.deadlineMs,
    idleLimitMs: options.idleLimitMs,
    maxDeliverableBytes: options.maxDeliverableBytes,
    reconnectLimitMs: options.reconnectLimitMs,
    logPollMs: options.logPollMs,
    ...options.limits,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (value === undefined) continue;
    if (!(Number.isFinite(value) && value > 0)) throw new TypeError(`${name} must be a positive number: got ${value}`);
    if (name.endsWith('Ms') && value > MAX_TIMER_MS) {
      throw new TypeError(`${name} must be at most ${MAX_TIMER_MS}: got ${value}`);
    }
  }
  // The host compares it as a whole number, and would take another for no limit.
  if (!Number.isSafeInteger(maxDeliverableBytes)) {
    throw new TypeError(`maxDeliverableBytes must be a whole number: got ${maxDeliverableBytes}`);
  }
}

/** Refuses what cannot work, with a `TypeError` that names the option. */
export function checkSessionOptions(options: RunAgentSessionOptions<EventEnvelope>): void {
  const { elapsedMs = 0, fencing = 0, log, onIdle = 'remind', protocol, resumeLogLine = '', workspace } = options;
  const need = (isGiven: boolean, name: string, what: string): void => {
    if (!isGiven) throw new TypeError(`${name} must be ${what}`);
  };
  need(typeof options.host?.run === 'function', 'host', 'a Host, such as createLocalHost() of host-core makes');
  need(typeof protocol?.parseLine === 'function', 'protocol', 'what createLogProtocol() of agents-prompt makes');
  need(typeof options.launch === 'function', 'launch', 'a function that starts the agent');
  need(typeof options.sessionId === 'string' && options.sessionId !== '', 'sessionId', 'a text that is not empty');
  if (typeof workspace?.workdir !== 'string' || !workspace.workdir.startsWith('/')) {
    throw new TypeError(`workspace.workdir must be absolute: got ${JSON.stringify(workspace?.workdir)}`);
  }
  // A workdir that its mode cannot do with is refused there. An agent that is adopted runs already.
  if (log === undefined) browserShims({ mode: protocol.browser, workdir: workspace.workdir });
  need(['remind', 'ignore'].includes(onIdle), 'onIdle', `'remind' or 'ignore': got ${JSON.stringify(onIdle)}`);
  need(!/[\r\n]/.test(resumeLogLine.trimEnd()), 'resumeLogLine', 'one line, as formatResumeLogLine makes it');
  if (log !== undefined && !(isCount(log.generation) && isCount(log.offset))) {
    throw new TypeError(`log must be a position that onOffset was given: got ${JSON.stringify(log)}`);
  }
  if (options.decided !== undefined && options.log === undefined) {
    throw new TypeError('decided is for a session that is adopted: log must say where to go on');
  }
  if (options.stream !== undefined && options.stream.sessionId !== options.sessionId) {
    throw new TypeError('stream must be one of the same session');
  }
  checkSessionNumbers(options);
  if (!isCount(fencing)) {
    throw new TypeError(`fencing must be a whole number from 0: got ${fencing}`);
  }
  if (!Number.isFinite(elapsedMs)) throw new TypeError(`elapsedMs must be a number: got ${elapsedMs}`);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
