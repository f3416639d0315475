import { browserShims } from '@optio-ts/agents-prompt';
import { isLinkFault, outlastLink } from '@optio-ts/host-core';

import { boundedStep, within } from './bounded.ts';
import type { StepFailure } from './bounded.ts';
import type { Endings } from './endings.ts';
import { messageOf } from './errors.ts';
import type { EventStream } from './event-stream.ts';
import { createHookContext } from './hook-context.ts';
import type { HookContext } from './hook-context.ts';
import { decideOutcome } from './outcome.ts';
import type { SessionOutcome } from './outcome.ts';
import { prepareWorkdir, readHostPath } from './prepare-workdir.ts';
import { createSessionAgent } from './session-agent.ts';
import { createSessionKit } from './session-kit.ts';
import type { SessionKit } from './session-kit.ts';
import { watchOwnership } from './session-lease.ts';
import { createSessionLog } from './session-log.ts';
import type { EndContext, LaunchContext, RunAgentSessionOptions } from './session-options.ts';

/** Beyond what its commands have for themselves. */
const PREPARE_MS = 300_000;

/**
 * Runs a session from its first step to its last. Never rejects.
 *
 * Start: prepare, `beforeExecute`, the log, `launch`. The first of DONE, ERROR, exit, cancel, deadline, idleness, loss ends it. End:
 * the hook's queue, `beforeStop`, stop, `afterExecute`, the listeners' deliverables, `teardown`.
 */
export async function runSession(
  options: RunAgentSessionOptions,
  stream: EventStream,
  endings: Endings,
): Promise<SessionOutcome> {
  const kit = createSessionKit(options, stream, endings);
  try {
    return await runSteps(options, kit);
  } finally {
    kit.close();
  }
}

async function runSteps(options: RunAgentSessionOptions, kit: SessionKit): Promise<SessionOutcome> {
  const { hooks = {}, launch, log: adopted, decided } = options;
  const { endings, stream } = kit;
  const owner = watchOwnership(options.lease, endings);
  const side = createSessionAgent(kit);
  const emit: LaunchContext['emit'] = (body) => stream.emit(body);
  let env: Readonly<Record<string, string>> = {};
  let isPrepared = adopted !== undefined;
  let afterExecuteFailure: StepFailure | undefined;

  const hookContext = (abortSignal: AbortSignal): HookContext =>
    createHookContext({
      host: options.host,
      sessionId: options.sessionId,
      workdir: options.workspace.workdir,
      isAdopted: adopted !== undefined,
      browserEnv: env,
      reconnectLimitMs: options.reconnectLimitMs,
      abortSignal,
      emit,
      sendToAgent: async (text) => side.say(text),
    });
  const outcome = (): SessionOutcome =>
    decideOutcome({
      endings: [...endings.list],
      afterExecuteError: afterExecuteFailure?.message,
      afterExecuteCause: afterExecuteFailure?.error,
      modelFailure: side.modelFailure,
      problems: [...kit.problems],
    });
  const endContext = (abortSignal: AbortSignal): EndContext => ({
    agent: side.agent,
    isAgentStopped: side.isStopped,
    outcome: outcome(),
    emit,
    abortSignal,
  });

  const { beforeExecute, onDeliverable, afterExecute } = hooks;
  const log = createSessionLog(kit, {
    mail: side.mail,
    onDeliverable:
      onDeliverable &&
      (async (deliverable, signal) => (await onDeliverable(hookContext(signal), deliverable)) ?? undefined),
  });

  const makeReady = async (signal: AbortSignal): Promise<void> => {
    env = await prepare(options, signal);
    isPrepared = true;
  };
  await setUp(kit, 'prepare', makeReady, { limitMs: PREPARE_MS });
  if (beforeExecute && adopted === undefined) {
    await setUp(kit, 'beforeExecute', async (signal) => beforeExecute(hookContext(signal)));
  }
  // Before the launch: what the agent says while `launch` still waits for something is not to wait as well.
  if (!endings.signal.aborted) log.start();
  const begin = async (abortSignal: AbortSignal): Promise<void> =>
    side.begin(async () => launch({ env, abortSignal, emit }), log);
  if (decided === undefined) await setUp(kit, 'launch', begin, { isWantedAtEnd: adopted !== undefined });
  else {
    // It is over, but what was written until then may not have been heard.
    await kit.step('launch', kit.limits.beforeStopMs, begin);
    await log.readToEnd(kit.limits.drainMs);
    endings.add({ type: 'decided', outcome: decided });
  }

  await endings.first;
  const letGo = async (): Promise<SessionOutcome> => {
    owner.close();
    log.abandon();
    await side.letGo();
    return outcome();
  };
  // The agent goes on where nobody can reach it: whoever takes the session up later finds it.
  if (options.lease !== undefined && isOutOfReach(outcome())) return letGo();
  if (!(await owner.check())) return letGo();
  await log.finish();
  await kit.step('beforeStop', kit.limits.beforeStopMs, async (signal) => options.beforeStop?.(endContext(signal)));
  // Each step may have taken minutes.
  if (!(await owner.check())) return letGo();
  await side.stop();
  if (isPrepared && afterExecute) {
    afterExecuteFailure = await boundedStep(kit.limits.afterExecuteMs, async (signal) =>
      afterExecute(hookContext(signal)),
    );
    if (afterExecuteFailure !== undefined) {
      const { message, error } = afterExecuteFailure;
      kit.warn(isLinkFault(error) ? 'HOOK_LINK_LOST' : 'HOOK_FAILED', `afterExecute callback raised: ${message}`);
    }
  }
  await log.drainListeners();
  if (!(await owner.check())) return letGo();
  await kit.step('teardown', kit.limits.teardownMs, async (signal) => options.teardown?.(endContext(signal)));
  await log.close();
  owner.close();
  return outcome();
}

function isOutOfReach({ reason, error }: SessionOutcome): boolean {
  return reason === 'log-lost' && isLinkFault(error);
}

/** Makes the workdir ready unless it is. Resolves with the variables for the agent. */
async function prepare(
  options: RunAgentSessionOptions,
  abortSignal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const { host, workspace, protocol, resumeLogLine, log, isPrepared = false } = options;
  if (log !== undefined) return {};
  const { workdir } = workspace;
  const outlasting = { abortSignal, limitMs: options.reconnectLimitMs ?? 300_000 };
  const shims = browserShims({ mode: protocol.browser, workdir });
  if (!isPrepared) {
    const make = { workdir, shims, resumeLogLine, abortSignal };
    const { hostPath } = await outlastLink(() => prepareWorkdir(host, make), outlasting);
    return shims?.env(hostPath) ?? {};
  }
  if (shims === undefined) return {};
  return shims.env(options.hostPath ?? (await outlastLink(() => readHostPath(host, abortSignal), outlasting)));
}

/**
 * One step before the agent runs. It fails the session, or is told to stop when the session ends first; where the end needs what it
 * brings, only when it does not bring it within `limits.stopMs`.
 */
async function setUp(
  kit: SessionKit,
  step: string,
  run: (abortSignal: AbortSignal) => Promise<void>,
  {
    limitMs = kit.limits.startMs,
    isWantedAtEnd = false,
  }: { readonly limitMs?: number; readonly isWantedAtEnd?: boolean } = {},
): Promise<void> {
  const { endings, limits } = kit;
  if (endings.signal.aborted && !isWantedAtEnd) return;
  const givenUp = new AbortController();
  const signal = isWantedAtEnd ? givenUp.signal : endings.signal;
  const settled = run(signal).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const first = await within(Promise.race([settled, endings.first.then(() => 'ended' as const)]), limitMs);
  if (first === undefined) {
    // This tells it to stop; whether it does is looked at below.
    endings.add({ type: 'setup-failed', message: `${step} did not finish within ${limitMs} ms` });
    givenUp.abort(endings.signal.reason);
  }
  const result = first === undefined ? 'ended' : first.value;
  if (result === undefined) return;
  if (result !== 'ended') {
    const { error } = result;
    const said = messageOf(error);
    endings.add({ type: 'setup-failed', message: isLinkFault(error) ? `${step}: ${said}` : said, error });
    return;
  }
  // Of a session that is another's nothing is needed here.
  if (endings.list.some(({ type }) => type === 'disowned')) givenUp.abort(endings.signal.reason);
  const late = await within(settled, limits.stopMs);
  if (late === undefined) {
    kit.fail(step, `did not stop within ${limits.stopMs} ms of the session's end`);
    givenUp.abort(endings.signal.reason);
  } else if (late.value !== undefined && !isAbort(late.value.error, endings.signal)) {
    kit.fail(step, messageOf(late.value.error));
  }
}

/** Whether an error only says that a step was told to stop. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  if (error === signal.reason) return true;
  if (!(error instanceof Error)) return false;
  // The packages of an agent have errors of their own for it. One that has several causes could not clean up.
  const isCoded = 'code' in error && error.code === 'ABORTED' && !(error.cause instanceof AggregateError);
  return isCoded || error.name === 'AbortError';
}
