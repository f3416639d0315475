import { describe, expect, it } from 'vitest';

import { decideOutcome } from './outcome.ts';
import type { SessionEnding, SessionEndReason, SessionState } from './outcome.ts';

const done: SessionEnding = { type: 'done', summary: 'all green' };
const error: SessionEnding = { type: 'error', message: 'auth failed' };
const exited: SessionEnding = { type: 'exited', exit: { exitCode: 3, signal: undefined } };
const cancelled: SessionEnding = { type: 'cancelled', message: 'enough' };
const deadline: SessionEnding = { type: 'deadline', deadlineMs: 5 };
const idle: SessionEnding = { type: 'idle', message: 'silent' };
const logLost: SessionEnding = { type: 'log-lost', message: 'no link' };
const agentLost: SessionEnding = { type: 'agent-lost', message: 'no supervisor' };
const setupFailed: SessionEnding = { type: 'setup-failed', message: 'no binary' };
const decided: SessionEnding = {
  type: 'decided',
  outcome: { state: 'cancelled', reason: 'cancelled', message: 'enough' },
};
const taken: SessionEnding = { type: 'disowned', isTaken: true, message: 'worker-2 has it' };
const unknown: SessionEnding = { type: 'disowned', isTaken: false, message: 'no store' };

describe('decideOutcome', () => {
  const table: [endings: SessionEnding[], state: SessionState, reason: SessionEndReason, message: string][] = [
    [[done], 'done', 'agent-done', 'all green'],
    [[error], 'failed', 'agent-error', 'auth failed'],
    [[exited], 'failed', 'agent-exited', 'The agent ended with exit code 3 before it wrote DONE'],
    [[cancelled], 'cancelled', 'cancelled', 'enough'],
    [[deadline], 'failed', 'deadline', 'The session took longer than its deadline of 5 ms'],
    [[idle], 'failed', 'agent-idle', 'silent'],
    [[{ ...idle, modelFailure: 'no credit' }], 'failed', 'model-failed', 'silent'],
    [[logLost], 'lost', 'log-lost', 'no link'],
    [[agentLost], 'lost', 'agent-lost', 'no supervisor'],
    [[setupFailed], 'failed', 'setup-failed', 'no binary'],
    // What the agent wrote goes before how its process ended, in whichever order they are seen.
    [[exited, done], 'done', 'agent-done', 'all green'],
    [[exited, error], 'failed', 'agent-error', 'auth failed'],
    [[done, exited], 'done', 'agent-done', 'all green'],
    [[agentLost, done], 'done', 'agent-done', 'all green'],
    [[done, logLost], 'done', 'agent-done', 'all green'],
    // The first word counts.
    [[done, error], 'done', 'agent-done', 'all green'],
    [[error, done], 'failed', 'agent-error', 'auth failed'],
    [[done, cancelled], 'done', 'agent-done', 'all green'],
    [[cancelled, done], 'cancelled', 'cancelled', 'enough'],
    [[error, cancelled], 'failed', 'agent-error', 'auth failed'],
    [[cancelled, error], 'cancelled', 'cancelled', 'enough'],
    [[deadline, done], 'failed', 'deadline', 'The session took longer than its deadline of 5 ms'],
    [[cancelled, deadline], 'cancelled', 'cancelled', 'enough'],
    [[deadline, cancelled], 'failed', 'deadline', 'The session took longer than its deadline of 5 ms'],
    [[idle, exited], 'failed', 'agent-idle', 'silent'],
    [[cancelled, exited], 'cancelled', 'cancelled', 'enough'],
    [[cancelled, setupFailed], 'cancelled', 'cancelled', 'enough'],
    // A loss and an exit alone: the first.
    [[exited, logLost], 'failed', 'agent-exited', 'The agent ended with exit code 3 before it wrote DONE'],
    [[logLost, exited], 'lost', 'log-lost', 'no link'],
    [[logLost, cancelled], 'cancelled', 'cancelled', 'enough'],
    // What a worker before this one had decided stays, and one whose session is another's decides nothing.
    [[done, decided], 'cancelled', 'cancelled', 'enough'],
    [[done, taken], 'lost', 'taken-over', 'worker-2 has it'],
    [[decided, unknown, exited], 'lost', 'owner-unknown', 'no store'],
    [[], 'lost', 'agent-lost', 'The session ended for an unknown reason'],
  ];
  for (const [endings, state, reason, message] of table) {
    it(`${endings.map(({ type }) => type).join(', then ') || 'nothing'}: ${state}`, () => {
      const outcome = decideOutcome({ endings, afterExecuteError: undefined, problems: [] });
      expect(outcome).toMatchObject({ state, reason, message, problems: [] });
      expect(outcome.exit).toBe(endings.includes(exited) ? exited.exit : undefined);
    });
  }

  it('never takes a loss or an exit alone for done', () => {
    for (const first of [exited, logLost, agentLost]) {
      for (const second of [exited, logLost, agentLost]) {
        const { state } = decideOutcome({ endings: [first, second], afterExecuteError: undefined, problems: [] });
        expect(state).not.toBe('done');
      }
    }
  });

  it('goes by the first strong ending in every row of three, whatever exits and losses lie between', () => {
    const strong: SessionEnding[] = [done, error, cancelled, deadline, idle, setupFailed];
    const all = [...strong, exited, logLost, agentLost, decided, taken];
    const judge = (endings: SessionEnding[]): object => {
      const { state, reason, message } = decideOutcome({ endings, afterExecuteError: undefined, problems: [] });
      return { state, reason, message };
    };
    for (const first of all) {
      for (const second of all) {
        for (const third of all) {
          const row = [first, second, third];
          const [word] = row.filter((ending) => strong.includes(ending));
          const ruling = row.includes(taken) ? taken : row.includes(decided) ? decided : (word ?? first);
          expect(judge(row), row.map(({ type }) => type).join(', ')).toEqual(judge([ruling]));
        }
      }
    }
  });

  it('fails a session that would be done when afterExecute throws', () => {
    const outcome = decideOutcome({ endings: [done], afterExecuteError: 'no space', problems: [] });
    expect(outcome).toMatchObject({
      state: 'failed',
      reason: 'after-execute-failed',
      message: 'afterExecute threw: no space',
    });
  });

  it('keeps what is known beside that', () => {
    const earlier = { step: 'stop', message: 'took too long' };
    const facts = { endings: [done, exited], afterExecuteError: 'no space', problems: [earlier] };
    const { exit } = decideOutcome({ ...facts, afterExecuteError: undefined });
    expect(exit).toBeDefined();
    expect(decideOutcome(facts)).toMatchObject({ reason: 'after-execute-failed', exit, problems: [earlier] });
    const { problems } = decideOutcome({ ...facts, endings: [error] });
    expect(problems.map(({ step }) => step)).toEqual(['stop', 'afterExecute']);
  });

  it('keeps the first failure when afterExecute throws as well', () => {
    for (const ending of [error, exited, cancelled, deadline, setupFailed, logLost]) {
      const facts = { endings: [ending], afterExecuteError: undefined, problems: [] };
      const { state, message } = decideOutcome(facts);
      expect(decideOutcome({ ...facts, afterExecuteError: 'no space' })).toMatchObject({
        state,
        message,
        problems: [{ step: 'afterExecute', message: 'afterExecute threw: no space' }],
      });
    }
  });

  it('shows the end of the output of an agent that exits too early, and what was thrown', () => {
    const facts = { afterExecuteError: undefined, problems: [] };
    const early = decideOutcome({
      ...facts,
      endings: [{ type: 'exited', exit: { exitCode: undefined, signal: 'SIGKILL' }, outputTail: 'out of memory' }],
    });
    expect(early.message).toBe('The agent was ended by SIGKILL before it wrote DONE\n\nout of memory');
    const cause = new Error('no binary');
    const failed = decideOutcome({ ...facts, endings: [{ type: 'setup-failed', message: 'no binary', error: cause }] });
    expect(failed.error).toBe(cause);
  });

  it('has words for an ERROR without a reason', () => {
    const endings: SessionEnding[] = [{ type: 'error', message: undefined }];
    const { message } = decideOutcome({ endings, afterExecuteError: undefined, problems: [] });
    expect(message).toContain('ERROR');
  });

  it('tells with a deadline what the model failed with meanwhile', () => {
    const facts = { endings: [deadline], afterExecuteError: undefined, problems: [] };
    expect(decideOutcome({ ...facts, modelFailure: 'overloaded' })).toMatchObject({
      reason: 'deadline',
      message: 'The session took longer than its deadline of 5 ms; its model failed meanwhile: overloaded',
    });
  });

  it('tells with an exit what the model had failed with', () => {
    const facts = { endings: [exited], afterExecuteError: undefined, problems: [] };
    expect(decideOutcome({ ...facts, modelFailure: 'no credit' })).toMatchObject({
      state: 'failed',
      reason: 'model-failed',
      message: expect.stringContaining('before it wrote DONE; its model had failed: no credit'),
    });
  });
});
