import type { OpencodeConfig } from '@optio-ts/opencode-launcher';

import { messageOf } from './errors.ts';
import type { StartOpencodeSessionOptions } from './options.ts';
import type { SessionEmit } from './session-emit.ts';

/** What a resumed session is told anew. */
export interface RefreshedTask {
  /** For AGENTS.md. */
  readonly task: string;
  /** For `opencode.json`. */
  readonly config: OpencodeConfig | undefined;
  /** What AGENTS.md says that snapshots leave out, and what they do leave out. */
  readonly workdirExclude: readonly string[] | undefined;
}

/** Makes the task of a resumed session out of what the options say. */
export type RefreshTask = (given: RefreshedTask) => RefreshedTask | Promise<RefreshedTask>;

/** The options of a resumed session, with its task as it is to be told; and whether AGENTS.md is to be written anew. */
export async function refreshTask(
  options: StartOpencodeSessionOptions,
  emit: SessionEmit,
): Promise<{ readonly options: StartOpencodeSessionOptions; readonly isRefreshed: boolean }> {
  const { task, config, workdirExclude, refresh = 'always' } = options;
  if (typeof refresh === 'string') return { options, isRefreshed: refresh === 'always' };
  try {
    const fresh = await refresh({ task, config, workdirExclude });
    return {
      isRefreshed: true,
      options: {
        ...options,
        task: fresh.task,
        ...(fresh.config && { config: fresh.config }),
        ...(fresh.workdirExclude && { workdirExclude: fresh.workdirExclude }),
      },
    };
  } catch (error) {
    emit({ type: 'warning', code: 'REFRESH_FAILED', message: `AGENTS.md stays as it was: ${messageOf(error)}` });
    return { options, isRefreshed: false };
  }
}
