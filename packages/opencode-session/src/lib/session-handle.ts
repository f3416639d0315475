import type { OpencodeSession, OpencodeSessionResult } from './opencode-session.ts';
import type { SessionScope } from './session-scope.ts';

/** What the caller gets of a session that runs. */
export function createSessionHandle(scope: SessionScope, result: Promise<OpencodeSessionResult>): OpencodeSession {
  // Whoever asks hears of a failure; nobody has to.
  result.catch(() => undefined);
  return {
    id: scope.id,
    taskId: scope.options.taskId,
    events: scope.stream.events,
    result,
    get ui() {
      const { agent } = scope;
      return agent && { url: agent.url, username: 'opencode', password: agent.server.password };
    },
    cancel: (reason = 'cancelled') => {
      scope.stop.abort(new Error(reason));
      return result;
    },
    kill: async () => {
      scope.keeper.giveUp();
      scope.stop.abort(new Error('killed'));
      // The orderly end goes on beside this and finds its work done.
      await scope.agent?.server.stop({ disposeMs: 0, graceMs: 0 });
      await result;
    },
  };
}
