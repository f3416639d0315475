import { useEffect, useReducer, useState } from 'preact/hooks';

import type { WatchMessage } from '../protocol.ts';
import { ApiError } from './api.ts';
import type { Api } from './api.ts';
import { NOTHING, reduceState } from './state.ts';
import type { State } from './state.ts';

/** How the page stands to its server. */
export type Link = 'up' | 'down' | 'refused';

type Action = { readonly type: 'message'; readonly message: WatchMessage } | { readonly type: 'forget-session' };

/** A connection that was silent for so long is made again: two beats. */
const SILENCE_MS = 25_000;
const AGAIN_MS = 1000;

/**
 * Keeps the page's knowledge current: all sessions, and the lines of one. A page in the background does without, since a browser has few
 * connections for all of its tabs.
 */
export function useWatch(api: Api, sessionId: string | undefined): { readonly state: State; readonly link: Link } {
  const [state, dispatch] = useReducer<State, Action>(
    (current, action) =>
      action.type === 'message'
        ? reduceState(current, action.message)
        : { ...current, session: undefined, lines: [], isUnknown: false },
    NOTHING,
  );
  const [link, setLink] = useState<Link>('up');
  const isVisible = useVisible();

  useEffect(() => dispatch({ type: 'forget-session' }), [sessionId]);
  useEffect(() => {
    if (!isVisible) return undefined;
    const over = new AbortController();
    const run = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const connection = new AbortController();
        const stop = (): void => connection.abort();
        over.signal.addEventListener('abort', stop);
        let silence = setTimeout(stop, SILENCE_MS);
        try {
          await api.watch(sessionId, {
            signal: connection.signal,
            onMessage: (message) => {
              clearTimeout(silence);
              silence = setTimeout(stop, SILENCE_MS);
              setLink('up');
              dispatch({ type: 'message', message });
            },
          });
        } catch (error) {
          if (error instanceof ApiError && error.status === 401) {
            setLink('refused');
            return;
          }
        } finally {
          clearTimeout(silence);
          over.signal.removeEventListener('abort', stop);
        }
        if (over.signal.aborted) return;
        setLink('down');
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    };
    void run();
    return () => over.abort();
  }, [api, sessionId, isVisible]);

  return { state, link };
}

function useVisible(): boolean {
  const [isVisible, setVisible] = useState(document.visibilityState === 'visible');
  useEffect(() => {
    const onChange = (): void => setVisible(document.visibilityState === 'visible');
    document.addEventListener('visibilitychange', onChange);
    return () => document.removeEventListener('visibilitychange', onChange);
  }, []);
  return isVisible;
}
