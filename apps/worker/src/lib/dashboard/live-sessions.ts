import type { OpencodeSession } from '@optio-ts/opencode-session';

import type { CommandContext } from '../commands/context.ts';
import { WorkerError, messageOf } from '../errors.ts';
import { LOCAL_HOST } from '../hosts/open-host.ts';
import type { OpenedStore } from '../open-store.ts';
import { printableLine } from '../printable.ts';
import type { TaskSummary } from '../report/reporter.ts';
import { checkLoadedTask, runLoadedTask } from '../run-loaded-task.ts';
import { loadRecordedTask } from '../task-file.ts';
import type { Task } from '../task.ts';
import type { UpstreamLogin } from '../ui-proxy/filter-headers.ts';
import type { Board } from './board.ts';
import type { AnswerRequest, StartRequest } from './protocol.ts';
import { createSessionReporter } from './session-reporter.ts';
import { withLine } from './session-view.ts';

/** Options of `createLiveSessions`. */
export interface CreateLiveSessionsOptions {
  readonly context: Omit<CommandContext, 'stdout' | 'stderr'>;
  readonly opened: OpenedStore;
  readonly board: Board;
}

/** opencode's interface, where this process reaches it. */
interface ReachedInterface extends UpstreamLogin {
  /** Opens at the session. */
  readonly path: string;
}

/** The sessions of this process. Each method throws `NOT_FOUND` for one that is none of them. */
export interface LiveSessions {
  has(id: string): boolean;
  /** Checks a task and starts it; returns its session's id when there is one. Throws as `loadTaskFile` and `runLoadedTask` do. */
  start(request: StartRequest): Promise<string>;
  /** Starts a task again that has ended, where it ended. Throws `REFUSED` while it runs. */
  resume(id: string): Promise<string>;
  /** Asks for the end and does not wait for it. */
  cancel(id: string, options: { readonly atOnce: boolean }): void;
  answer(id: string, requestId: string, answer: AnswerRequest): Promise<void>;
  /** `undefined` before the session is live and when it is over. */
  interfaceOf(id: string): ReachedInterface | undefined;
  /** A person drives the agent, or does no more. */
  attend(id: string, change: 'begin' | 'end'): void;
  /** Settles when all have ended. */
  ended(): Promise<void>;
}

interface LiveSession {
  readonly session: OpencodeSession;
  readonly task: Task;
  readonly request: StartRequest;
  isOver: boolean;
}

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

  const run = async (request: StartRequest, earlier: Task | undefined): Promise<string> => {
    const { cwd, env, config } = context;
    const read = await loadRecordedTask(
      { text: request.text, path: TEXT_NAME, directory: cwd, origin: 'file' },
      { cwd, env, config, now: new Date() },
    );
    // Without a name in the text each run has one of its own.
    const task = earlier === undefined ? read : { ...read, id: earlier.id, outputDirectory: earlier.outputDirectory };
    const hooks = await checkLoadedTask(task, context);
    const reporter = createSessionReporter(board);
    const host = request.host ?? task.host ?? LOCAL_HOST;
    const begun = Promise.withResolvers<string>();
    let live: LiveSession | undefined;
    const onSession = (session: OpencodeSession): void => {
      live = { session, task, request, isOver: false };
      sessions.set(session.id, live);
      reporter.begin(session, { host, outputDirectory: task.outputDirectory });
      begun.resolve(session.id);
    };
    const over = runLoadedTask(task, {
      context,
      hooks,
      opened,
      reporter,
      host,
      resume: earlier !== undefined || request.resume === true,
      onSession,
    }).then(
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
      },
    }));
  };

  return {
    has: (id) => sessions.has(id),
    start: (request) => run(request, undefined),
    resume(id) {
      const { isOver, request, task } = find(id);
      if (!isOver) throw new WorkerError('REFUSED', `session ${id} still runs; cancel it first`);
      return run(request, task);
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
    async answer(id, requestId, answer) {
      const { session } = find(id);
      if (answer.type === 'question') return session.answerQuestion(requestId, { answers: answer.answers });
      const { reply, message } = answer;
      return session.answerPermission(requestId, { reply, ...(message === undefined ? {} : { message }) });
    },
    interfaceOf(id) {
      const { ui } = find(id).session;
      if (ui === undefined) return undefined;
      const { port, pathname } = new URL(ui.url);
      return { port: Number(port), username: ui.username, password: ui.password, path: pathname };
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
