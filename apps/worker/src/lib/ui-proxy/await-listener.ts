/** Whether the newest page of a session hears what happens there. */
export interface ListenerWatch {
  /** A page is loaded: it hears nothing yet. */
  loading(): void;
  /** An event stream was opened. */
  listening(): void;
  /** Settles when the newest page hears events, when the time is up, or when the one who asks has gone. */
  listened(abortSignal: AbortSignal): Promise<void>;
}

/**
 * opencode's page asks for a session's messages before it hears events, a browser holds the later request back while its six connections
 * are busy, and what was said between the two is never shown. So its messages wait until it listens.
 */
export function createListenerWatch({ mostMs }: { readonly mostMs: number }): ListenerWatch {
  let isListening = false;
  const waiting = new Set<() => void>();
  return {
    loading() {
      isListening = false;
    },
    listening() {
      isListening = true;
      for (const go of waiting) go();
    },
    async listened(abortSignal) {
      if (isListening || abortSignal.aborted) return;
      const over = Promise.withResolvers<void>();
      const go = (): void => over.resolve();
      // A page of another version may never listen.
      const timer = setTimeout(go, mostMs);
      abortSignal.addEventListener('abort', go);
      waiting.add(go);
      await over.promise;
      waiting.delete(go);
      clearTimeout(timer);
      abortSignal.removeEventListener('abort', go);
    },
  };
}

/** Whether a request asks for the messages of a session; `path` with its query. */
export function asksForMessages(method: string, path: string): boolean {
  return method === 'GET' && /^(?:\/api)?\/session\/[^/?]+\/message(?:\?|$)/.test(path);
}
