import type { OpencodeSession } from '@optio-ts/opencode-session';
import { getSessionDocument } from '@optio-ts/seed-engine';
import type { SessionDocument } from '@optio-ts/seed-engine';

import type { CommandContext } from '../commands/context.ts';
import { WorkerError, messageOf } from '../errors.ts';
import { LOCAL_HOST } from '../hosts/open-host.ts';
import type { OpenedStore } from '../open-store.ts';
import { printableLine } from '../printable.ts';
import type { TaskSummary } from '../report/reporter.ts';
import { checkLoadedTask, runLoadedTask } from '../run-loaded-task.ts';
import { loadResumable } from '../sessions/load-resumable.ts';
import { recoverHere } from '../sessions/recover-here.ts';
import type { SessionPlace } from '../sessions/recover-here.ts';
import type { TaskSource } from '../sessions/task-record.ts';
import { loadRecordedTask } from '../task-file.ts';
import type { Task } from '../task.ts';
import { answerWith } from './answer-with.ts';
import type { Board } from './board.ts';
import type { AnswerRequest, StartRequest } from './protocol.ts';
import { reachedInterface } from './reached-interface.ts';
import type { ReachedInterface } from './reached-interface.ts';
import { createSessionReporter } from './session-reporter.ts';
import type { SessionReporter } from './session-reporter.ts';
import { withLine } from './session-view.ts';

/** Options of `createLiveSessions`. */
export interface CreateLiveSessionsOptions {
  readonly context: Omit<CommandContext, 'stdout' | 'stderr'>;
  readonly opened: OpenedStore;
  readonly board: Board;
}

/** The sessions of this process. Each method throws `NOT_FOUND` for one that is none of them. */
export interface LiveSessions {
  has(id: string): boolean;
  /** Checks a task and starts it; returns its session's id when there is one. Throws as `loadTaskFile` and `runLoadedTask` do. */
  start(request: StartRequest): Promise<string>;
  /** Starts the task of a session that has ended, in whatever process, where it ended. Throws as `loadResumable` does. */
  resume(id: string): Promise<string>;
  /** Takes up a session whose process is gone. Throws `NOT_FOUND`, and `REFUSED` where it cannot be, or not from here. */
  recover(id: string): Promise<void>;
  /** Asks for the end and does not wait for it. */
  cancel(id: string, options: { readonly atOnce: boolean }): void;
  answer(id: string, requestId: string, answer: AnswerRequest): Promise<void>;
  /** Throws `REFUSED` before the session is live and when it is over. */
  reach(id: string): ReachedInterface;
  /** `undefined` before the session is live and when it is over. */
  interfaceOf(id: string): ReachedInterface | undefined;
  /** A person drives the agent, or does no more. */
  attend(id: string, change: 'begin' | 'end'): void;
  /** Settles when all have ended. */
  ended(): Promise<void>;
}

interface LiveSession {
  readonly session: OpencodeSession;
  isOver: boolean;
}

type OnSession = (session: OpencodeSession, place: SessionPlace) => void;

/** How a task is called that came out of no file. */
const TEXT_NAME = 'task.yaml';

/** Creates the place where sessions are started. Ctrl-C ends them as it ends one of `optio run`. */
export function createLiveSessions({ context, opened, board }: CreateLiveSessionsOptions): LiveSessions {
  const sessions = new Map<string, LiveSession>();
  const running = new Set<Promise<unknown>>();

  const find = (id: string): LiveSession => {
    const live = sessions.get(id);
    if (live === undefined) throw new WorkerError('NOT_FOUND', `no session ${id} runs in this process`);
    return live;
  };

  /** Starts something that ends with its session; resolves with the session's id when there is one. */
  const begin = (drive: (reporter: SessionReporter, onSession: OnSession) => Promise<TaskSummary>): Promise<string> => {
    const reporter = createSessionReporter(board);
    const begun = Promise.withResolvers<string>();
    let live: LiveSession | undefined;
    const onSession: OnSession = (session, place) => {
      live = { session, isOver: false };
      sessions.set(session.id, live);
      reporter.begin(session, place);
      begun.resolve(session.id);
    };
    const over = drive(reporter, onSession).then(
      (summary) => {
        reporter.summary(summary);
        if (live !== undefined) close(live, summary);
      },
      (error: unknown) => {
        begun.reject(error);
        if (live === undefined) return;
        reporter.warning(messageOf(error));
        close(live, { state: 'lost', message: messageOf(error), seedId: undefined });
      },
    );
    running.add(over);
    void over.finally(() => running.delete(over));
    return begun.promise;
  };

  const run = async (task: Task, options: { readonly host?: string | undefined; readonly resume: boolean }) => {
    const hooks = await checkLoadedTask(task, context);
    const host = options.host ?? task.host ?? LOCAL_HOST;
    const { outputDirectory } = task;
    return begin((reporter, onSession) =>
      runLoadedTask(task, {
        context,
        hooks,
        opened,
        reporter,
        host,
        resume: options.resume,
        onSession: (session) => onSession(session, { host, outputDirectory }),
      }),
    );
  };

  const load = (source: TaskSource): Promise<Task> => {
    const { cwd, env, config } = context;
    return loadRecordedTask(source, { cwd, env, config, now: new Date() });
  };

  const documentOf = async (id: string): Promise<SessionDocument> => {
    const document = await getSessionDocument(opened.store, id);
    if (document !== undefined) return document;
    throw new WorkerError('NOT_FOUND', `there is no session ${id}`);
  };

  const close = (
    live: LiveSession,
    { state, message, seedId }: Pick<TaskSummary, 'state' | 'message' | 'seedId'>,
  ): void => {
    live.isOver = true;
    board.change(live.session.id, (view) => ({
      ...view,
      detail: {
        ...view.detail,
        state: 'ended',
        hasInterface: false,
        outcome: view.detail.outcome ?? { state, message },
        seedId: view.detail.seedId ?? seedId,
        canResume: view.detail.snapshotId !== undefined,
        resumeProblem: view.detail.snapshotId === undefined ? 'nothing of it was kept to go on from' : undefined,
      },
    }));
  };

  return {
    has: (id) => sessions.has(id),
    async start({ host, resume = false, text }) {
      // Without a name in the text each run has one of its own.
      return run(await load({ text, path: TEXT_NAME, directory: context.cwd, origin: 'file' }), { host, resume });
    },
    async resume(id) {
      if (sessions.get(id)?.isOver === false)
        throw new WorkerError('REFUSED', `session ${id} still runs; cancel it first`);
      const record = await loadResumable(opened, await documentOf(id));
      const { host, outputDirectory, taskId } = record;
      // What it was given by default the first time stays.
      return run({ ...(await load(record)), id: taskId, outputDirectory }, { host, resume: true });
    },
    async recover(id) {
      const document = await documentOf(id);
      if (sessions.has(id)) throw new WorkerError('REFUSED', `session ${id} is of this process`);
      await begin(async (reporter, onSession) => {
        const recovered = await recoverHere(document, { context, opened, reporter, onSession });
        if (recovered.action !== 'leave') return recovered.summary;
        throw new WorkerError('REFUSED', `it is left alone: ${recovered.reason}`);
      });
    },
    cancel(id, { atOnce }) {
      const { session } = find(id);
      // How it went is told by the end of the session.
      const ending = atOnce ? session.kill() : session.cancel('cancelled in the dashboard');
      ending.catch((error: unknown) => {
        const text = printableLine(`its end is not confirmed: ${messageOf(error)}`);
        board.change(id, (view) => withLine(view, { at: Date.now(), kind: 'warning', text }));
      });
    },
    answer: async (id, requestId, answer) => answerWith(find(id).session, requestId, answer),
    reach(id) {
      const { ui } = find(id).session;
      if (ui === undefined) throw new WorkerError('REFUSED', 'the session is not live: it has no interface now');
      return reachedInterface(ui);
    },
    interfaceOf(id) {
      const { ui } = find(id).session;
      return ui && reachedInterface(ui);
    },
    attend(id, change) {
      const { session } = find(id);
      if (change === 'begin') session.takeOver();
      else session.handBack();
    },
    async ended() {
      await Promise.allSettled(running);
    },
  };
}
