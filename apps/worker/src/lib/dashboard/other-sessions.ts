import { reachOpencodeSession } from '@optio-ts/opencode-session';
import type { ReachedOpencodeSession } from '@optio-ts/opencode-session';
import { getSessionDocument, requestSessionCancel } from '@optio-ts/seed-engine';

import type { CommandContext } from '../commands/context.ts';
import { WorkerError } from '../errors.ts';
import { LOCAL_HOST, openHost } from '../hosts/open-host.ts';
import type { OpenedStore } from '../open-store.ts';
import { loadTaskRecord } from '../sessions/task-record.ts';
import { answerWith } from './answer-with.ts';
import type { Board } from './board.ts';
import type { AnswerRequest } from './protocol.ts';
import { reachedInterface } from './reached-interface.ts';
import type { ReachedInterface } from './reached-interface.ts';

/** What a person can do with the sessions of other processes. */
export interface OtherSessions extends AsyncDisposable {
  /** Puts down the wish that a session ends. Throws `NOT_FOUND`, and `REFUSED` for `atOnce`. */
  cancel(id: string, options: { readonly atOnce: boolean }): Promise<void>;
  /** Answers what its agent waits for, by its server. Throws as `reach` does, and what opencode's client throws. */
  answer(id: string, requestId: string, answer: AnswerRequest): Promise<void>;
  /** Finds the way to its server. Throws `NOT_FOUND`, `REFUSED` where there is none from here, and what the host throws. */
  reach(id: string): Promise<ReachedInterface>;
  /** Its server, once it was reached and until it is over. */
  interfaceOf(id: string): ReachedInterface | undefined;
}

/** Options of `createOtherSessions`. */
export interface CreateOtherSessionsOptions {
  readonly context: Pick<CommandContext, 'config' | 'env' | 'interrupts'>;
  readonly opened: OpenedStore;
  readonly board: Board;
}

/** A way to a session's server: its host, opened here once more, and a port. */
interface Way extends AsyncDisposable {
  readonly session: ReachedOpencodeSession;
}

/** Reaches sessions that other processes drive. They stay theirs. */
export function createOtherSessions({ board, context, opened }: CreateOtherSessionsOptions): OtherSessions {
  const ways = new Map<string, Promise<Way>>();
  const open = new Map<string, Way>();

  const drop = (id: string): void => {
    const way = open.get(id);
    ways.delete(id);
    open.delete(id);
    // Of a connection nobody asks for any more.
    void Promise.resolve(way?.[Symbol.asyncDispose]()).catch(() => undefined);
  };
  const watching = board.watch((id) => {
    if (open.has(id) && board.get(id)?.detail.state === 'ended') drop(id);
  });
  const find = async (id: string): Promise<Way> => {
    let way = ways.get(id);
    if (way === undefined) {
      way = openWay(id, context, opened);
      ways.set(id, way);
      way.then(
        (found) => open.set(id, found),
        () => ways.delete(id),
      );
    }
    return way;
  };

  return {
    async cancel(id, { atOnce }) {
      if (atOnce)
        throw new WorkerError('REFUSED', 'another process runs this session: it can be ended in good order only');
      await requestSessionCancel(opened.store, id, { reason: 'cancelled in the dashboard' });
    },
    async answer(id, requestId, answer) {
      const { session } = await find(id);
      try {
        await answerWith(session, requestId, answer);
      } catch (error) {
        // Its server may be elsewhere by now: the next try looks again.
        drop(id);
        throw error;
      }
    },
    reach: async (id) => reachedInterface((await find(id)).session.ui),
    interfaceOf(id) {
      const way = open.get(id);
      return way && reachedInterface(way.session.ui);
    },
    async [Symbol.asyncDispose]() {
      watching[Symbol.dispose]();
      const all = await Promise.allSettled(ways.values());
      for (const way of all) if (way.status === 'fulfilled') await way.value[Symbol.asyncDispose]();
    },
  };
}

async function openWay(
  id: string,
  { config, env, interrupts }: CreateOtherSessionsOptions['context'],
  opened: OpenedStore,
): Promise<Way> {
  const { abortSignal } = interrupts;
  const document = await getSessionDocument(opened.store, id);
  if (document === undefined) throw new WorkerError('NOT_FOUND', `there is no session ${id}`);
  const record = await loadTaskRecord(opened, document.taskId);
  if (record === undefined)
    throw new WorkerError('REFUSED', 'it was not run by optio, which does not know its machine');
  if (record.host === LOCAL_HOST && record.machine !== config.machine) {
    throw new WorkerError('REFUSED', `it runs on ${record.machine} itself; optio serve there reaches it`);
  }
  const opening = await openHost(record.host, { config, env, abortSignal });
  try {
    const { host } = opening;
    if (host.description !== document.host) {
      const now = `${record.host} is ${host.description} by now`;
      throw new WorkerError('REFUSED', `it runs on ${document.host}, and ${now}`);
    }
    const session = await reachOpencodeSession(document, { host, cipher: opened.cipher, abortSignal });
    return {
      session,
      async [Symbol.asyncDispose]() {
        await session[Symbol.asyncDispose]();
        await opening[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await opening[Symbol.asyncDispose]();
    throw error;
  }
}
