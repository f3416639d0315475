import { createEventStream, decideOutcome, runAgentSession } from '@optio-ts/agents-session';
import type { EndContext, EventStream, SessionOutcome } from '@optio-ts/agents-session';
import type { Workspace } from '@optio-ts/host-core';
import { createId, sealSecret } from '@optio-ts/seed-engine';

import { messageOf } from './errors.ts';
import type { OpencodeSessionEvent } from './events.ts';
import { keepSeed } from './keep-seed.ts';
import { launchAgent } from './launch-agent.ts';
import type { OpencodeAgent } from './launch-agent.ts';
import type { OpencodeSession, OpencodeSessionResult } from './opencode-session.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import { prepareSession } from './prepare-session.ts';
import type { PreparedSession } from './prepare-session.ts';
import { openSessionRecord } from './session-record.ts';
import type { SessionRecord } from './session-record.ts';

/** Given to the last turn of an agent that has written DONE, so that what is kept of it is whole. */
const LAST_TURN_MS = 3000;

const PROCESS_OWNER = `worker-${createId()}`;

/** One session: holds what there is of it, so that it can be ended from wherever it stands. */
export class SessionDriver {
  readonly #options: StartOpencodeSessionOptions;
  readonly #id = createId();
  readonly #stream: EventStream<OpencodeSessionEvent>;
  /** Aborted when the session is to end in good order. */
  readonly #stop = new AbortController();
  /** Settles when nothing of the session runs on this side any more. */
  readonly #result = Promise.withResolvers<OpencodeSessionResult>();
  #isDeadlineOver = false;
  #isKilled = false;
  #record: SessionRecord | undefined;
  #workspace: Workspace | undefined;
  #agent: OpencodeAgent | undefined;
  #model: string | undefined;
  #seedId: string | undefined;
  #keptDirectory: string | undefined;

  constructor(options: StartOpencodeSessionOptions) {
    this.#options = options;
    this.#stream = createEventStream<OpencodeSessionEvent>({ sessionId: this.#id, fencing: 1 });
  }

  start(): OpencodeSession {
    const { taskId, abortSignal } = this.#options;
    const stopBySignal = (): void => this.#stop.abort(abortSignal?.reason);
    if (abortSignal?.aborted === true) stopBySignal();
    else abortSignal?.addEventListener('abort', stopBySignal, { once: true });

    const result = this.#result.promise;
    void this.#drive()
      .then(this.#result.resolve, this.#result.reject)
      .finally(() => abortSignal?.removeEventListener('abort', stopBySignal));
    // Whoever asks hears of it; nobody has to.
    result.catch(() => undefined);

    const cancel = (reason?: string): Promise<OpencodeSessionResult> => {
      this.#stop.abort(new Error(reason ?? 'cancelled'));
      return result;
    };
    const ui = (): OpencodeSession['ui'] => {
      const agent = this.#agent;
      return agent && { url: agent.url, username: 'opencode', password: agent.server.password };
    };
    return {
      id: this.#id,
      taskId,
      events: this.#stream.events,
      result,
      get ui() {
        return ui();
      },
      cancel,
      kill: () => this.#kill(),
    };
  }

  async #drive(): Promise<OpencodeSessionResult> {
    const startedAt = performance.now();
    const { deadlineMs } = this.#options;
    const deadline =
      deadlineMs === undefined
        ? undefined
        : setTimeout(() => {
            this.#isDeadlineOver = true;
            this.#stop.abort(new Error(`The session took longer than its deadline of ${deadlineMs} ms`));
          }, deadlineMs);
    try {
      const outcome = await this.#run(() => {
        clearTimeout(deadline);
        return deadlineMs === undefined ? undefined : Math.max(1, deadlineMs - (performance.now() - startedAt));
      });
      return await this.#end(outcome);
    } finally {
      clearTimeout(deadline);
      this.#stream.end();
    }
  }

  async #run(takeDeadline: () => number | undefined): Promise<SessionOutcome> {
    let prepared: PreparedSession;
    try {
      prepared = await prepareSession(this.#options, {
        emit: (body) => this.#stream.emit(body),
        abortSignal: this.#stop.signal,
        onRunKnown: (run) => this.#openRecord(run),
        onWorkspace: (workspace) => {
          this.#workspace = workspace;
        },
      });
      this.#stop.signal.throwIfAborted();
    } catch (error) {
      const outcome = this.#judgeFailedStart(error);
      await this.#removeDirectory(true);
      return outcome;
    }
    const deadlineMs = takeDeadline();
    const session = runAgentSession<OpencodeSessionEvent>({
      ...this.#agentOptions(prepared),
      ...(deadlineMs !== undefined && { deadlineMs }),
    });
    return session.result;
  }

  #agentOptions(prepared: PreparedSession): Parameters<typeof runAgentSession<OpencodeSessionEvent>>[0] {
    const { host, hooks, idleLimitMs, maxDeliverableBytes, autoStart } = this.#options;
    const { workspace, protocol, probe } = prepared;
    return {
      host,
      workspace,
      protocol,
      sessionId: this.#id,
      stream: this.#stream,
      fencing: 1,
      isPrepared: true,
      hostPath: probe.path,
      abortSignal: this.#stop.signal,
      onIdle: autoStart === true ? 'remind' : 'ignore',
      ...(hooks && { hooks }),
      ...(idleLimitMs !== undefined && { idleLimitMs }),
      ...(maxDeliverableBytes !== undefined && { maxDeliverableBytes }),
      onOffset: (position) => this.#record?.saveLog(position),
      launch: async ({ env, abortSignal }) => {
        this.#agent = await launchAgent(this.#options, {
          prepared,
          env,
          abortSignal,
          emit: (body) => this.#stream.emit(body),
          onServer: async (server) => {
            const password = await sealSecret(this.#options.cipher, server.password);
            await this.#record?.update({
              state: 'live',
              secrets: { password },
              details: { port: server.port, supervisedId: server.process.id },
            });
          },
        });
        return this.#agent;
      },
      beforeStop: (context) => this.#beforeStop(context, prepared),
      teardown: (context) => this.#tearDown(context, prepared),
    };
  }

  async #openRecord({
    runId,
    taskDirectory,
  }: {
    readonly runId: string;
    readonly taskDirectory: string;
  }): Promise<void> {
    const { store, taskId, host, owner = PROCESS_OWNER } = this.#options;
    this.#record = await openSessionRecord(store, {
      id: this.#id,
      taskId,
      agent: 'opencode',
      runId,
      host: host.description,
      taskDirectory,
      ownerId: owner,
      onCancelRequest: (reason) => this.#stop.abort(new Error(reason)),
      onFailure: (message) => this.#warn('RECORD_NOT_KEPT', message),
    });
  }

  /** While the agent still lives: what only its server can tell. */
  async #beforeStop({ outcome, abortSignal }: EndContext, prepared: PreparedSession): Promise<void> {
    await this.#record?.update({ state: 'ending' });
    const agent = this.#agent;
    if (agent === undefined || this.#isKilled) return;
    // A DONE is written by a tool call; the turn it belongs to ends a moment later.
    if (outcome.state === 'done') await within(agent.whenIdle(), LAST_TURN_MS);
    const used = await agent.server.client.lastModel(agent.opencodeSessionId, { abortSignal, timeoutMs: 10_000 });
    this.#model = used === undefined ? prepared.model : `${used.providerId}/${used.modelId}`;
  }

  async #tearDown({ outcome, isAgentStopped, abortSignal }: EndContext, prepared: PreparedSession): Promise<void> {
    const { saveSeed } = this.#options;
    if (saveSeed !== undefined && outcome.state === 'done' && isAgentStopped && !this.#isKilled) {
      try {
        const seed = await keepSeed(this.#options, {
          prepared,
          model: this.#model,
          label: saveSeed.label,
          abortSignal,
        });
        this.#seedId = seed.id;
        this.#stream.emit({ type: 'seed-saved', seedId: seed.id, model: seed.model });
      } catch (error) {
        this.#warn('SEED_NOT_SAVED', `The login was not kept as a seed: ${messageOf(error)}`);
      }
    }
    await this.#removeDirectory(isAgentStopped);
  }

  /** Nothing of a session stays on its host, unless something of it may still run there. */
  async #removeDirectory(isAgentStopped: boolean): Promise<void> {
    const workspace = this.#workspace;
    if (workspace === undefined) return;
    if (!isAgentStopped) {
      this.#keptDirectory = workspace.taskDirectory;
      this.#warn('DIRECTORY_KEPT', `${workspace.taskDirectory} is kept: the agent's end is not confirmed`);
      return;
    }
    try {
      await workspace.remove();
    } catch (error) {
      this.#keptDirectory = workspace.taskDirectory;
      this.#warn('DIRECTORY_KEPT', `${workspace.taskDirectory} could not be removed: ${messageOf(error)}`);
    }
  }

  #judgeFailedStart(error: unknown): SessionOutcome {
    const { aborted, reason } = this.#stop.signal;
    const message = messageOf(error);
    const ending = !aborted
      ? ({ type: 'setup-failed', message, error } as const)
      : this.#isDeadlineOver
        ? ({ type: 'deadline', deadlineMs: this.#options.deadlineMs ?? 0 } as const)
        : ({ type: 'cancelled', message: messageOf(reason) } as const);
    return decideOutcome({ endings: [ending], afterExecuteError: undefined, problems: [] });
  }

  async #end(outcome: SessionOutcome): Promise<OpencodeSessionResult> {
    const { state, message } = outcome;
    const problems = [...outcome.problems];
    try {
      await this.#record?.close({ state, ...(message !== undefined && { message }) });
    } catch (error) {
      problems.push({ step: 'session document', message: messageOf(error) });
    }
    const opencodeSessionId = this.#agent?.opencodeSessionId;
    this.#agent = undefined;
    return {
      ...outcome,
      problems,
      sessionId: this.#id,
      opencodeSessionId,
      seedId: this.#seedId,
      keptDirectory: this.#keptDirectory,
    };
  }

  async #kill(): Promise<void> {
    this.#isKilled = true;
    this.#stop.abort(new Error('killed'));
    // The orderly end goes on beside this, and finds its work done: stopping and removing may be asked for twice.
    await this.#agent?.server.stop({ disposeMs: 0, graceMs: 0 });
    await this.#result.promise.catch(() => undefined);
  }

  #warn(code: string, message: string): void {
    this.#stream.emit({ type: 'warning', code, message });
  }
}

/** Waits for a promise, but not longer than so many milliseconds. */
async function within(promise: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    promise,
    new Promise((resolve) => {
      timer = setTimeout(resolve, limitMs);
    }),
  ]);
  clearTimeout(timer);
}
