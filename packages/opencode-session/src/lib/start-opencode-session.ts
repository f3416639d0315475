import { checkOptions } from './check-options.ts';
import type { OpencodeSession } from './opencode-session.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import { driveSession } from './session-driver.ts';

/**
 * Runs one opencode session from start to teardown: looks at the host, finds or installs opencode, makes the task's directory,
 * starts the agent, follows its log, hands over what it delivers, keeps what is to be kept, and removes the rest.
 *
 * Returns as soon as the options are checked: what happens, installing included, are events, and what fails is part of the
 * result. A caller's mistake is a `TypeError`.
 */
export async function startOpencodeSession(options: StartOpencodeSessionOptions): Promise<OpencodeSession> {
  checkOptions(options);
  return driveSession(options);
}
