import type { SessionOutcome } from '@optio-ts/agents-session';
import { isLinkFault } from '@optio-ts/host-core';
import { OpencodeInstallError } from '@optio-ts/opencode-installer';
import { SeedEngineError } from '@optio-ts/seed-engine';

import { messageOf, OpencodeSessionError } from './errors.ts';
import { draftSnapshot } from './keep-snapshot.ts';
import type { DraftedSnapshot } from './keep-snapshot.ts';
import type { OpencodeAgent } from './launch-agent.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import type { PreparedSession } from './prepare-session.ts';
import type { SessionEmit } from './session-emit.ts';

/** Options of `SnapshotKeeper`. */
export interface SnapshotKeeperOptions {
  /** Of the session. Its snapshot has the same. */
  readonly sessionId: string;
  /** Makes sure that the session is still this worker's. */
  readonly confirm: (options: { readonly abortSignal: AbortSignal }) => Promise<unknown>;
  readonly options: StartOpencodeSessionOptions;
  readonly emit: SessionEmit;
}

/** The snapshot of one session: drafted while a server tells of it, completed when nothing of the agent runs any more. */
export class SnapshotKeeper {
  readonly #given: SnapshotKeeperOptions;
  #wasLive = false;
  #isUnsaved = false;
  #draft: DraftedSnapshot | undefined;
  #id: string | undefined;

  constructor(given: SnapshotKeeperOptions) {
    this.#given = given;
  }

  /** `undefined` as long as none is kept. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Whether it was refused for the moment only, by a store or a link: what is to be kept is still on the host. */
  get isUnsaved(): boolean {
    return this.#isUnsaved;
  }

  /** The agent was told its task: from here on its directory holds something. */
  markLive(): void {
    this.#wasLive = true;
  }

  /** A worker before this one has kept it. */
  find(): void {
    this.#id = this.#given.sessionId;
  }

  /** No server tells of the session. */
  miss(error: unknown): void {
    this.#isUnsaved = isPassing(error);
    this.#warn('SNAPSHOT_NOT_SAVED', `opencode's session could not be exported: ${messageOf(error)}`);
  }

  async draft(
    { server, opencodeSessionId }: Pick<OpencodeAgent, 'opencodeSessionId' | 'server'>,
    { workspace, seed, workdirExclude }: PreparedSession,
    { processId, abortSignal }: { readonly processId: string; readonly abortSignal: AbortSignal },
  ): Promise<void> {
    const { options, sessionId } = this.#given;
    if (options.supportsResume === false) return;
    try {
      this.#draft = await draftSnapshot(options, {
        workspace,
        processId,
        id: sessionId,
        server,
        opencodeSessionId,
        workdirExclude,
        abortSignal,
        seedId: seed?.seedId,
        onWarning: (code, message) => this.#warn(code, message),
      });
    } catch (error) {
      this.miss(error);
    }
  }

  async discard(): Promise<void> {
    await this.#draft?.discard();
  }

  /** Resolves with whether the directory holds nothing that would be lost with it. */
  async save(
    outcome: SessionOutcome,
    { after, abortSignal }: { readonly after: Promise<unknown>; readonly abortSignal: AbortSignal },
  ): Promise<boolean> {
    if (this.#given.options.supportsResume === false || !this.#wasLive) return true;
    const draft = this.#draft;
    if (draft === undefined) return false;
    try {
      const endState = outcome.state === 'lost' ? 'failed' : outcome.state;
      const confirm = async (): Promise<void> => {
        await after;
        await this.#given.confirm({ abortSignal });
      };
      const { snapshot, pruneError } = await draft.complete({ endState, confirm, abortSignal });
      this.#id = snapshot.id;
      this.#given.emit({ type: 'snapshot-saved', snapshotId: snapshot.id });
      if (pruneError !== undefined) {
        this.#warn('SNAPSHOTS_NOT_PRUNED', `Older snapshots could not be removed: ${messageOf(pruneError)}`);
      }
      return true;
    } catch (error) {
      if (isThere(error)) {
        this.find();
        return true;
      }
      this.#isUnsaved = isPassing(error);
      const isTooLarge = OpencodeSessionError.is(error) && error.code === 'SNAPSHOT_TOO_LARGE';
      const code = isTooLarge ? 'SNAPSHOT_TOO_LARGE' : 'SNAPSHOT_NOT_SAVED';
      this.#warn(code, `The snapshot was not saved: ${messageOf(error)}`);
      return false;
    }
  }

  #warn(code: string, message: string): void {
    this.#given.emit({ type: 'warning', code, message });
  }
}

/** Whether something was kept before, by a worker before this one, under the session's id. */
export function isThere(error: unknown): boolean {
  return SeedEngineError.is(error) && error.code === 'DOCUMENT_EXISTS';
}

/** A full disk, a server that is down, a link that was lost, an opencode that is not to be had: another time it may work. */
function isPassing(error: unknown): boolean {
  const isOfStore = SeedEngineError.is(error) && (error.code === 'STORE_FAILED' || error.code === 'STORE_BUSY');
  return isOfStore || isLinkFault(error) || OpencodeInstallError.is(error);
}
