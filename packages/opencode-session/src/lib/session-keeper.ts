import type { EndContext } from '@optio-ts/agents-session';
import { outlastLink } from '@optio-ts/host-core';
import type { Workspace } from '@optio-ts/host-core';
import type { CapturedOpencodeSeed } from '@optio-ts/opencode-seeds';

import { messageOf } from './errors.ts';
import { keepSeed } from './keep-seed.ts';
import type { OpencodeAgent } from './launch-agent.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import type { PreparedSession } from './prepare-session.ts';
import type { SessionEmit } from './session-emit.ts';
import type { SessionSeed } from './session-seed.ts';
import { isThere, SnapshotKeeper } from './snapshot-keeper.ts';
import type { SnapshotKeeperOptions } from './snapshot-keeper.ts';

/** Given to the last turn of an agent that has written DONE, so that what is kept of it is whole. */
const LAST_TURN_MS = 3000;
const MODEL_MS = 10_000;
/** The watcher of a process looks every quarter of a second. On a link that is gone it never will. */
const NOTICED_MS = 5000;

/** A session's end, step by step: what is kept of it, and what is removed. */
export class SessionKeeper {
  readonly #options: StartOpencodeSessionOptions;
  readonly #emit: SessionEmit;
  readonly #sessionId: string;
  /** What of the session a resume brings back. */
  readonly snapshot: SnapshotKeeper;
  #distrust: string | undefined;
  #isGivenUp = false;
  #isAgentLeft = true;
  #model: string | undefined;
  #seedId: string | undefined;
  #keptDirectory: string | undefined;

  constructor(given: SnapshotKeeperOptions) {
    this.#options = given.options;
    this.#emit = given.emit;
    this.#sessionId = given.sessionId;
    this.snapshot = new SnapshotKeeper(given);
  }

  /** What was kept, for the session's result. */
  get kept(): {
    readonly seedId: string | undefined;
    readonly snapshotId: string | undefined;
    readonly keptDirectory: string | undefined;
  } {
    return { seedId: this.#seedId, snapshotId: this.snapshot.id, keptDirectory: this.#keptDirectory };
  }

  /** Whether the agent may still run: it was never confirmed that it does not. */
  get isAgentLeft(): boolean {
    return this.#isAgentLeft;
  }

  /** Nothing of the agent runs any more. */
  confirmStopped(): void {
    this.#isAgentLeft = false;
  }

  /** From here on nothing more is kept: somebody wants the session gone. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /** Something may still run in the directory: it is not removed. */
  distrust(reason: string): void {
    this.#distrust = reason;
  }

  /** While the agent still lives: what only its server can tell. */
  async takeFromServer(
    agent: Pick<OpencodeAgent, 'opencodeSessionId' | 'server' | 'whenIdle'>,
    prepared: PreparedSession,
    processId: string,
    { outcome, abortSignal }: Pick<EndContext, 'outcome' | 'abortSignal'>,
  ): Promise<void> {
    if (this.#isGivenUp) return;
    this.#tell('export', "Taking the agent's session");
    // A DONE is written by a tool call; the turn it belongs to ends a moment later.
    if (outcome.state === 'done') await within(agent.whenIdle(), LAST_TURN_MS);
    await Promise.all([
      this.#wantsSeed && this.#findModel(agent, prepared, abortSignal),
      this.snapshot.draft(agent, prepared, { processId, abortSignal }),
    ]);
  }

  /** Once nothing of the agent runs any more: the seed, the snapshot, and the end of the directory. */
  async keep(
    prepared: PreparedSession,
    context: Pick<EndContext, 'outcome' | 'isAgentStopped' | 'abortSignal'> & {
      readonly agent: OpencodeAgent | undefined;
    },
  ): Promise<void> {
    const { agent, outcome, isAgentStopped, abortSignal } = context;
    const { seed, workspace } = prepared;
    this.#tell('keep', 'Keeping what is to outlive the session');
    // In every case: a seed whose login was used up elsewhere is good for nobody.
    const login = this.#giveLoginBack(seed, abortSignal);
    this.#isAgentLeft = !isAgentStopped;
    const unsafe = isAgentStopped ? this.#distrust : "the agent's end is not confirmed";
    if (unsafe !== undefined) {
      await Promise.all([login, this.snapshot.discard()]);
      await this.#keepDirectory(workspace, unsafe);
      return;
    }
    const seedSaved = outcome.state === 'done' && !this.#isGivenUp ? this.#saveSeed(prepared, abortSignal) : undefined;
    const [isLoginSafe, isSnapshotSafe] = await Promise.all([
      login,
      // It is the last to be kept: where it is, all is.
      this.#isGivenUp
        ? this.snapshot.discard().then(() => true)
        : this.snapshot.save(outcome, { after: Promise.all([login, seedSaved]), abortSignal }),
      seedSaved,
      // Our own watcher of the server is gone from the host with it.
      agent &&
        within(
          agent.exited.catch(() => undefined),
          NOTICED_MS,
        ),
    ]);
    if (!isSnapshotSafe) await this.#keepDirectory(workspace, 'what it holds is nowhere else');
    // A snapshot has the login as well.
    else if (isLoginSafe || this.snapshot.id !== undefined) await this.removeDirectory(workspace, abortSignal);
    else await this.#keepDirectory(workspace, 'its login is nowhere else');
  }

  /** Nothing of a session stays on its host. What cannot be removed is told. */
  async removeDirectory(workspace: Workspace, abortSignal?: AbortSignal): Promise<void> {
    const signal = abortSignal && { abortSignal };
    try {
      await outlastLink(() => workspace.remove({ ...signal }), { ...signal });
    } catch (error) {
      this.#keptDirectory = workspace.taskDirectory;
      this.#warn('DIRECTORY_KEPT', `${workspace.taskDirectory} could not be removed: ${messageOf(error)}`);
    }
  }

  /** Resolves with whether the seed has what the home has. */
  async #giveLoginBack(seed: SessionSeed | undefined, abortSignal: AbortSignal): Promise<boolean> {
    const isSafe = (await seed?.writeBack({ abortSignal })) ?? true;
    await seed?.release();
    return isSafe;
  }

  async #keepDirectory(workspace: Workspace, reason: string): Promise<void> {
    this.#keptDirectory = workspace.taskDirectory;
    this.#warn('DIRECTORY_KEPT', `${workspace.taskDirectory} is kept: ${reason}`);
  }

  get #wantsSeed(): boolean {
    return this.#options.saveSeed !== undefined || this.#options.onSeedSaved !== undefined;
  }

  async #findModel(
    { server, opencodeSessionId }: Pick<OpencodeAgent, 'opencodeSessionId' | 'server'>,
    prepared: PreparedSession,
    abortSignal: AbortSignal,
  ): Promise<void> {
    this.#model = prepared.model;
    try {
      const used = await server.client.lastModel(opencodeSessionId, { abortSignal, timeoutMs: MODEL_MS });
      if (used !== undefined) this.#model = `${used.providerId}/${used.modelId}`;
    } catch (error) {
      this.#warn('MODEL_UNKNOWN', `opencode did not say which model answered: ${messageOf(error)}`);
    }
  }

  async #saveSeed(prepared: PreparedSession, abortSignal: AbortSignal): Promise<void> {
    const { saveSeed, onSeedSaved } = this.#options;
    if (!this.#wantsSeed) return;
    let seed: CapturedOpencodeSeed;
    try {
      const [model, label, id] = [this.#model, saveSeed?.label, this.#sessionId];
      seed = await keepSeed(this.#options, { prepared, model, label, id, abortSignal });
    } catch (error) {
      if (isThere(error)) {
        // A worker before this one has kept it.
        this.#seedId = this.#sessionId;
        return;
      }
      return this.#warn('SEED_NOT_SAVED', `The login was not kept as a seed: ${messageOf(error)}`);
    }
    this.#seedId = seed.id;
    this.#emit({ type: 'seed-saved', seedId: seed.id, model: seed.model });
    try {
      await onSeedSaved?.(seed.id, seed.model);
    } catch (error) {
      this.#warn('HOOK_FAILED', `onSeedSaved callback raised: ${messageOf(error)}`);
    }
  }

  #tell(step: string, message: string): void {
    this.#emit({ type: 'progress', step, message });
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
