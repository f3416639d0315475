import type { LaunchContext, LaunchedAgent } from '@optio-ts/agents-session';
import { HostError } from '@optio-ts/host-core';
import { adoptOpencode } from '@optio-ts/opencode-launcher';
import type { OpencodeServer } from '@optio-ts/opencode-launcher';

import { messageOf } from './errors.ts';
import type { LeftBehind } from './left-behind.ts';
import type { PreparedSession } from './prepare-session.ts';
import type { SessionScope } from './session-scope.ts';

/** Starts what a session needs of a server: with its own, which is there already, in the place of a launch. */
type Attend = (adopt: () => Promise<OpencodeServer>) => Promise<LaunchedAgent>;

/**
 * Takes up the agent of a session that was left behind. A server that does not answer, or is gone, is followed by its log and its
 * process alone: what it wrote counts all the same.
 */
export async function launchLeftBehind(
  scope: SessionScope,
  prepared: PreparedSession,
  recovery: LeftBehind,
  { abortSignal, attend }: Pick<LaunchContext, 'abortSignal'> & { readonly attend: Attend },
): Promise<LaunchedAgent> {
  const { server: process, password, details } = recovery;
  if (process?.wasRunning === true && password !== undefined) {
    const { host, confine } = scope.options;
    const { workspace, probe } = prepared;
    const { binary, port, localPort } = details;
    const place = { host, workspace, binary, probe, process, port, localPort, password, abortSignal };
    try {
      return await attend(() => adoptOpencode({ ...place, ...(confine && { confine }) }));
    } catch (error) {
      const message = `opencode runs, and does not answer: only its log is followed: ${messageOf(error)}`;
      scope.emit({ type: 'warning', code: 'SERVER_NOT_ADOPTED', message });
    }
  }
  return { exited: process?.exited ?? gone(scope), stop: () => stopAll(recovery) };
}

/** Ends all that was started for a session. */
export async function stopAll({ processes }: Pick<LeftBehind, 'processes'>): Promise<void> {
  await Promise.all(processes.filter(({ wasRunning }) => wasRunning).map((process) => process.stop()));
}

function gone({ options }: SessionScope): Promise<never> {
  const message = `Nothing on ${options.host.description} tells of the agent any more: the host was restarted, or emptied`;
  return Promise.reject(new HostError('SUPERVISOR_LOST', message));
}
