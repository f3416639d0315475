import { createEventStream, decideOutcome, runAgentSession } from '@optio-ts/agents-session';
import type { EventStream, RunAgentSessionOptions, SessionOutcome } from '@optio-ts/agents-session';
import type { Workspace } from '@optio-ts/host-core';
import { createId, listSessionDocuments, sealSecret } from '@optio-ts/seed-engine';
import type { Store } from '@optio-ts/seed-engine';

import { messageOf } from './errors.ts';
import type { OpencodeSessionEvent } from './events.ts';
import { launchAgent } from './launch-agent.ts';
import type { OpencodeAgent } from './launch-agent.ts';
import type { OpencodeSession, OpencodeSessionResult, OpencodeUi } from './opencode-session.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import { prepareSession } from './prepare-session.ts';
import type { PreparedSession } from './prepare-session.ts';
import { SessionKeeper } from './session-keeper.ts';
import { openSessionRecord } from './session-record.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionSeed } from './session-seed.ts';

/** Names this process among the owners of sessions. */
const PROCESS_OWNER = `worker-${createId()}`;

/** A session's first owner has the first number; one that takes it over has the next. */
const FENCING = 1;

/** Given to a login that is written back between two turns of the agent. */
const WRITE_BACK_MS = 30_000;

/** One session: holds what there is of it, so that it can be ended from wherever it stands. */
export class SessionDriver {
  readonly #options: StartOpencodeSessionOptions;
  readonly #id = createId();
  readonly #stream: EventStream<OpencodeSessionEvent>;
  readonly #keeper: SessionKeeper;
  /** Aborted when the session is to end in good order. */
  readonly #stop = new AbortController();
  readonly #startedAt = performance.now();
  #isDeadlineOver = false;
  #result: Promise<OpencodeSessionResult> | undefined;
  #record: SessionRecord | undefined;
  #workspace: Workspace | undefined;
  #agent: OpencodeAgent | undefined;
  #seed: SessionSeed | undefined;

  constructor(options: StartOpencodeSessionOptions) {
    this.#options = options;
    this.#stream = createEventStream<OpencodeSessionEvent>({ sessionId: this.#id, fencing: FENCING });
    this.#keeper = new SessionKeeper({ options, emit: (body) => this.#stream.emit(body) });
  }

  /** Starts the session; called once. */
  start(): OpencodeSession {
    const { taskId, abortSignal } = this.#options;
    const stopBySignal = (): void => this.#stop.abort(abortSignal?.reason);
    if (abortSignal?.aborted === true) stopBySignal();
    else abortSignal?.addEventListener('abort', stopBySignal, { once: true });

    const result = this.#toEnd().finally(() => abortSignal?.removeEventListener('abort', stopBySignal));
    // Whoever asks hears of it; nobody has to.
    result.catch(() => undefined);
    this.#result = result;

    const ui = (): OpencodeUi | undefined =>
      this.#agent && { url: this.#agent.url, username: 'opencode', password: this.#agent.server.password };
    return {
      id: this.#id,
      taskId,
      events: this.#stream.events,
      result,
      get ui() {
        return ui();
      },
      cancel: (reason = 'cancelled') => {
        this.#stop.abort(new Error(reason));
        return result;
      },
      kill: () => this.#kill(),
    };
  }

  async #toEnd(): Promise<OpencodeSessionResult> {
    try {
      const outcome = await this.#run();
      return await this.#close(outcome);
    } finally {
      this.#agent = undefined;
      this.#stream.end();
    }
  }

  async #run(): Promise<SessionOutcome> {
    const prepared = await this.#prepare();
    if ('outcome' in prepared) {
      const { outcome } = prepared;
      await this.#seed?.release();
      if (this.#workspace !== undefined) await this.#keeper.removeDirectory(this.#workspace);
      this.#stream.emit({ type: 'ended', outcome });
      return outcome;
    }
    return runAgentSession<OpencodeSessionEvent>(this.#agentOptions(prepared)).result;
  }

  /** Everything before the agent; the deadline runs meanwhile. */
  async #prepare(): Promise<PreparedSession | { readonly outcome: SessionOutcome }> {
    const { deadlineMs } = this.#options;
    const deadline =
      deadlineMs === undefined
        ? undefined
        : setTimeout(() => {
            this.#isDeadlineOver = true;
            this.#stop.abort(new Error('The deadline is over'));
          }, deadlineMs);
    try {
      const prepared = await prepareSession(this.#options, {
        sessionId: this.#id,
        emit: (body) => this.#stream.emit(body),
        abortSignal: this.#stop.signal,
        onRunKnown: (run) => this.#openRecord(run),
        onWorkspace: (workspace) => {
          this.#workspace = workspace;
        },
        onSeed: (seed) => {
          this.#seed = seed;
        },
      });
      this.#stop.signal.throwIfAborted();
      return prepared;
    } catch (error) {
      return { outcome: this.#judgeFailedStart(error) };
    } finally {
      clearTimeout(deadline);
    }
  }

  #agentOptions(prepared: PreparedSession): RunAgentSessionOptions<OpencodeSessionEvent> {
    const { host, hooks, idleLimitMs, maxDeliverableBytes, autoStart, deadlineMs } = this.#options;
    const { workspace, protocol, probe, resumeLogLine, resumedSessionId } = prepared;
    return {
      host,
      workspace,
      protocol,
      stream: this.#stream,
      sessionId: this.#id,
      fencing: FENCING,
      // A fresh workdir was written whole; one that came back still has the log of its last run.
      isPrepared: resumedSessionId === undefined,
      hostPath: probe.path,
      abortSignal: this.#stop.signal,
      onIdle: autoStart === true ? 'remind' : 'ignore',
      ...(resumeLogLine !== undefined && { resumeLogLine }),
      ...(hooks && { hooks }),
      ...(idleLimitMs !== undefined && { idleLimitMs }),
      ...(maxDeliverableBytes !== undefined && { maxDeliverableBytes }),
      ...(deadlineMs !== undefined && {
        deadlineMs: Math.max(1, Math.round(deadlineMs - (performance.now() - this.#startedAt))),
      }),
      onOffset: (position) => this.#record?.saveLog(position),
      launch: async ({ env, abortSignal }) => {
        this.#agent = await this.#launch(prepared, env, abortSignal);
        return this.#agent;
      },
      beforeStop: async (context) => {
        const agent = this.#agent;
        const processId = this.#record?.document.processId;
        const steps = await Promise.allSettled([
          this.#record?.update({ state: 'ending' }),
          agent && processId && this.#keeper.takeFromServer(agent, prepared, processId, context),
        ]);
        // A document that cannot be written is a problem to be told, and no reason to keep less.
        for (const step of steps) if (step.status === 'rejected') throw step.reason;
      },
      teardown: (context) => this.#keeper.keep(prepared, context),
    };
  }

  #launch(
    prepared: PreparedSession,
    env: Readonly<Record<string, string>>,
    abortSignal: AbortSignal,
  ): Promise<OpencodeAgent> {
    return launchAgent(this.#options, {
      prepared,
      env,
      abortSignal,
      emit: (body) => this.#stream.emit(body),
      onIdle: () => void this.#seed?.writeBack({ abortSignal: AbortSignal.timeout(WRITE_BACK_MS) }),
      // Whoever finds this session later gets at its server with these.
      onServer: async (server) => {
        const password = await sealSecret(this.#options.cipher, server.password);
        const details = { port: server.port, supervisedId: server.process.id };
        await this.#record?.update({ state: 'live', secrets: { password }, details });
      },
    });
  }

  async #openRecord(run: { readonly runId: string; readonly taskDirectory: string }): Promise<void> {
    const { store, taskId, host, owner = PROCESS_OWNER } = this.#options;
    const processId = await previousProcessId(store, taskId);
    this.#record = await openSessionRecord(store, {
      ...run,
      ...(processId !== undefined && { processId }),
      id: this.#id,
      taskId,
      agent: 'opencode',
      host: host.description,
      ownerId: owner,
      onCancelRequest: (reason) => this.#stop.abort(new Error(reason)),
      onFailure: (message) => this.#stream.emit({ type: 'warning', code: 'RECORD_NOT_KEPT', message }),
    });
  }

  #judgeFailedStart(error: unknown): SessionOutcome {
    const { aborted, reason } = this.#stop.signal;
    const ending = !aborted
      ? ({ type: 'setup-failed', message: messageOf(error), error } as const)
      : this.#isDeadlineOver
        ? ({ type: 'deadline', deadlineMs: this.#options.deadlineMs ?? 0 } as const)
        : ({ type: 'cancelled', message: messageOf(reason) } as const);
    return decideOutcome({ endings: [ending], afterExecuteError: undefined, problems: [] });
  }

  async #close(outcome: SessionOutcome): Promise<OpencodeSessionResult> {
    const { state, message } = outcome;
    const problems = [...outcome.problems];
    try {
      await this.#record?.close({ state, ...(message !== undefined && { message }) });
    } catch (error) {
      problems.push({ step: 'session document', message: messageOf(error) });
    }
    return {
      ...outcome,
      problems,
      sessionId: this.#id,
      opencodeSessionId: this.#agent?.opencodeSessionId,
      ...this.#keeper.kept,
    };
  }

  async #kill(): Promise<void> {
    this.#keeper.giveUp();
    this.#stop.abort(new Error('killed'));
    // The orderly end goes on beside this and finds its work done.
    await this.#agent?.server.stop({ disposeMs: 0, graceMs: 0 });
    await this.#result;
  }
}

/** The 24 hex digits that mark the blobs of a task stay the same from run to run. */
async function previousProcessId(store: Store, taskId: string): Promise<string | undefined> {
  for await (const { processId } of listSessionDocuments(store, { taskId, limit: 1 })) return processId;
  return undefined;
}
