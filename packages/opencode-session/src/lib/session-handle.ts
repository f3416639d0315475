import { OpencodeSessionError } from './errors.ts';
import type { OpencodeAgent } from './launch-agent.ts';
import type { OpencodeSession, OpencodeSessionResult } from './opencode-session.ts';
import type { SessionScope } from './session-scope.ts';

/** What the caller gets of a session that runs. */
export function createSessionHandle(scope: SessionScope, result: Promise<OpencodeSessionResult>): OpencodeSession {
  // Whoever asks hears of a failure; nobody has to.
  result.catch(() => undefined);
  const liveAgent = (): OpencodeAgent => {
    if (scope.agent !== undefined) return scope.agent;
    throw new OpencodeSessionError('NOT_LIVE', `Session ${scope.id} has no agent: it is not live yet, or over`);
  };
  return {
    id: scope.id,
    taskId: scope.options.taskId,
    events: scope.stream.events,
    result,
    get ui() {
      const { agent } = scope;
      return agent && { url: agent.url, username: 'opencode', password: agent.server.password };
    },
    answerPermission: async (requestId, answer) => liveAgent().server.client.permissions.reply(requestId, answer),
    answerQuestion: async (requestId, answer) => liveAgent().server.client.questions.reply(requestId, answer),
    takeOver: () => scope.agent?.attend('begin'),
    handBack: () => scope.agent?.attend('end'),
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
