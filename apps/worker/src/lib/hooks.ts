import { pathToFileURL } from 'node:url';

import type { AgentSessionHooks } from '@optio-ts/agents-session';
import type { OpencodeSessionEvent } from '@optio-ts/opencode-session';

import { messageOf } from './errors.ts';

/** What a module around a session may export. All of it is optional, and may be asynchronous. */
export interface HookModule extends AgentSessionHooks {
  /** Hears of everything that happens, in order. What it throws is a warning. */
  readonly onEvent?: (event: OpencodeSessionEvent) => void | Promise<void>;
}

const NAMES = ['beforeExecute', 'onDeliverable', 'afterExecute', 'onEvent'] as const;

/** A module that cannot be used as a hook. */
export interface HookProblem {
  readonly path: string;
  readonly message: string;
}

/** Loads modules: their code runs from here on. Everything wrong with them is told, and nothing is thrown. */
export async function loadHooks(
  paths: readonly string[],
): Promise<{ readonly modules: readonly HookModule[]; readonly problems: readonly HookProblem[] }> {
  const modules: HookModule[] = [];
  const problems: HookProblem[] = [];
  for (const path of paths) {
    try {
      const module = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
      const found = NAMES.filter((name) => module[name] !== undefined);
      const wrong = found.find((name) => typeof module[name] !== 'function');
      if (found.length === 0) problems.push({ path, message: `exports none of ${NAMES.join(', ')}` });
      else if (wrong !== undefined) problems.push({ path, message: `exports ${wrong}, which is no function` });
      else modules.push(module as HookModule);
    } catch (error) {
      problems.push({ path, message: `cannot be loaded: ${messageOf(error).split('\n')[0]}` });
    }
  }
  return { modules, problems };
}

/** Several hooks as one, each called in turn. What they say to the agent goes to it together. */
export function joinHooks(all: readonly AgentSessionHooks[]): AgentSessionHooks {
  return {
    async beforeExecute(context) {
      for (const hooks of all) await hooks.beforeExecute?.(context);
    },
    async onDeliverable(context, deliverable) {
      const said: string[] = [];
      for (const hooks of all) {
        const text = await hooks.onDeliverable?.(context, deliverable);
        if (typeof text === 'string' && text !== '') said.push(text);
      }
      return said.length === 0 ? undefined : said.join('\n');
    },
    async afterExecute(context) {
      let failure: { readonly error: unknown } | undefined;
      // Each gets to clean up, whatever the one before it did.
      for (const hooks of all) {
        try {
          await hooks.afterExecute?.(context);
        } catch (error) {
          failure ??= { error };
        }
      }
      if (failure !== undefined) throw failure.error;
    },
  };
}
