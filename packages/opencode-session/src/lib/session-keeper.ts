import type { EndContext, SessionOutcome } from '@optio-ts/agents-session';
import type { Workspace } from '@optio-ts/host-core';

import { messageOf } from './errors.ts';
import { keepSeed } from './keep-seed.ts';
import { draftSnapshot } from './keep-snapshot.ts';
import type { DraftedSnapshot } from './keep-snapshot.ts';
import type { OpencodeAgent } from './launch-agent.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import type { PreparedSession } from './prepare-session.ts';
import type { SessionEmit } from './session-emit.ts';

/** Given to the last turn of an agent that has written DONE, so that what is kept of it is whole. */
const LAST_TURN_MS = 3000;
const MODEL_MS = 10_000;

/** Options of `SessionKeeper`. */
export interface SessionKeeperOptions {
  readonly options: StartOpencodeSessionOptions;
  readonly emit: SessionEmit;
}

/** A session's end, step by step: what is kept of it, and what is removed. */
export class SessionKeeper {
  readonly #options: StartOpencodeSessionOptions;
  readonly #emit: SessionEmit;
  #isGivenUp = false;
  #wasLive = false;
  #model: string | undefined;
  #draft: DraftedSnapshot | undefined;
  #seedId: string | undefined;
  #snapshotId: string | undefined;
  #keptDirectory: string | undefined;

  constructor({ options, emit }: SessionKeeperOptions) {
    this.#options = options;
    this.#emit = emit;
  }

  /** What was kept, for the session's result. */
  get kept(): {
    readonly seedId: string | undefined;
    readonly snapshotId: string | undefined;
    readonly keptDirectory: string | undefined;
  } {
    return { seedId: this.#seedId, snapshotId: this.#snapshotId, keptDirectory: this.#keptDirectory };
  }

  /** From here on nothing more is kept: somebody wants the session gone. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /** While the agent still lives: what only its server can tell. */
  async takeFromServer(
    agent: OpencodeAgent,
    prepared: PreparedSession,
    processId: string,
    { outcome, abortSignal }: Pick<EndContext, 'outcome' | 'abortSignal'>,
  ): Promise<void> {
    this.#wasLive = true;
    if (this.#isGivenUp) return;
    // A DONE is written by a tool call; the turn it belongs to ends a moment later.
    if (outcome.state === 'done') await within(agent.whenIdle(), LAST_TURN_MS);
    this.#model = await this.#findModel(agent, prepared, abortSignal);
    if (this.#options.supportsResume === false) return;
    try {
      const { host, store, cipher, taskId, workdirExclude } = this.#options;
      const { server, opencodeSessionId } = agent;
      const { workspace } = prepared;
      this.#draft = await draftSnapshot(
        {
          host,
          store,
          cipher,
          taskId,
          workdirExclude,
          workspace,
          processId,
          server,
          opencodeSessionId,
          seedId: prepared.seed?.seedId,
          onWarning: ({ code, message }) => this.#warn(code, message),
        },
        { abortSignal },
      );
    } catch (error) {
      this.#warn('SNAPSHOT_NOT_SAVED', `opencode's session could not be exported: ${messageOf(error)}`);
    }
  }

  /** Once nothing of the agent runs any more: the seed, the snapshot, and the end of the directory. */
  async keep(
    prepared: PreparedSession,
    context: Pick<EndContext, 'outcome' | 'isAgentStopped' | 'abortSignal'>,
  ): Promise<void> {
    const { outcome, isAgentStopped, abortSignal } = context;
    // First, and in every case: a seed whose login was used up elsewhere is good for nobody.
    const isLoginSafe = (await prepared.seed?.writeBack({ abortSignal })) ?? true;
    await prepared.seed?.release();
    if (outcome.state === 'done' && isAgentStopped && !this.#isGivenUp) await this.#saveSeed(prepared, abortSignal);
    if (!isAgentStopped) {
      await this.#draft?.discard();
      await this.#keepDirectory(prepared.workspace, "the agent's end is not confirmed");
    } else if (await this.#saveSnapshot(outcome, abortSignal)) {
      // A snapshot has the login as well.
      if (isLoginSafe || this.#snapshotId !== undefined) await this.removeDirectory(prepared.workspace);
      else await this.#keepDirectory(prepared.workspace, 'its login is nowhere else');
    } else await this.#keepDirectory(prepared.workspace, 'what it holds is nowhere else');
  }

  /** Nothing of a session stays on its host. What cannot be removed is told. */
  async removeDirectory(workspace: Workspace): Promise<void> {
    try {
      await workspace.remove();
    } catch (error) {
      this.#keptDirectory = workspace.taskDirectory;
      this.#warn('DIRECTORY_KEPT', `${workspace.taskDirectory} could not be removed: ${messageOf(error)}`);
    }
  }

  async #keepDirectory(workspace: Workspace, reason: string): Promise<void> {
    this.#keptDirectory = workspace.taskDirectory;
    this.#warn('DIRECTORY_KEPT', `${workspace.taskDirectory} is kept: ${reason}`);
  }

  async #findModel(
    { server, opencodeSessionId }: OpencodeAgent,
    prepared: PreparedSession,
    abortSignal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      const used = await server.client.lastModel(opencodeSessionId, { abortSignal, timeoutMs: MODEL_MS });
      return used === undefined ? prepared.model : `${used.providerId}/${used.modelId}`;
    } catch (error) {
      this.#warn('MODEL_UNKNOWN', `opencode did not say which model answered: ${messageOf(error)}`);
      return prepared.model;
    }
  }

  async #saveSeed(prepared: PreparedSession, abortSignal: AbortSignal): Promise<void> {
    const { saveSeed } = this.#options;
    if (saveSeed === undefined) return;
    try {
      const seed = await keepSeed(this.#options, {
        prepared,
        model: this.#model,
        label: saveSeed.label,
        abortSignal,
      });
      this.#seedId = seed.id;
      this.#emit({ type: 'seed-saved', seedId: seed.id, model: seed.model });
    } catch (error) {
      this.#warn('SEED_NOT_SAVED', `The login was not kept as a seed: ${messageOf(error)}`);
    }
  }

  /** Resolves with whether the directory holds nothing that would be lost with it. */
  async #saveSnapshot(outcome: SessionOutcome, abortSignal: AbortSignal): Promise<boolean> {
    const draft = this.#draft;
    if (this.#isGivenUp || this.#options.supportsResume === false || !this.#wasLive) {
      await draft?.discard();
      return true;
    }
    if (draft === undefined) return false;
    try {
      const endState = outcome.state === 'lost' ? 'failed' : outcome.state;
      const { snapshot, pruneError } = await draft.complete({ endState, abortSignal });
      this.#snapshotId = snapshot.id;
      this.#emit({ type: 'snapshot-saved', snapshotId: snapshot.id });
      if (pruneError !== undefined) {
        this.#warn('SNAPSHOTS_NOT_PRUNED', `Older snapshots could not be removed: ${messageOf(pruneError)}`);
      }
      return true;
    } catch (error) {
      this.#warn('SNAPSHOT_NOT_SAVED', `The snapshot was not saved: ${messageOf(error)}`);
      return false;
    }
  }

  #warn(code: string, message: string): void {
    this.#emit({ type: 'warning', code, message });
  }
}

/** Waits for a promise, but not longer than so many milliseconds. */
async function within(promise: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([promise, timeUp]);
  clearTimeout(timer);
}
