import type { AnyAuthMethod, AuthenticationType, NextAuthHandler } from 'ssh2';

/** One thing to try. */
export interface Attempt {
  /** What the server calls the method. */
  readonly method: 'publickey' | 'password' | 'keyboard-interactive';
  /** For messages. No secret. */
  readonly description: string;
  /** Of the key, where it is known before the key is opened: no key is offered twice. */
  readonly fingerprint?: string;
  /** Rejects with a plain `Error` whose message may be shown. */
  open(): Promise<OpenedAttempt>;
  /** Whether the server took it, as far as ssh2 does not say so itself. */
  readonly wasTaken?: () => boolean;
}

/** An attempt, ready for ssh2. */
export interface OpenedAttempt {
  readonly method: AnyAuthMethod;
  /** In the place of what is known before. */
  readonly description?: string;
  readonly fingerprint?: string;
}

/** The attempts that will be made, in order, and what to say of them when none worked. */
export interface LoginPlan {
  readonly handler: (
    methodsLeft: readonly AuthenticationType[] | null,
    partialSuccess: boolean | null,
    next: NextAuthHandler,
  ) => void;
  /** Whether the server was shown anything yet. */
  hasTried(): boolean;
  /** What was tried and what the server would take. No secret. */
  describe(): string;
}

/**
 * Tries what it is given, in order, each as soon as the server takes its method. A server that wants several methods is given
 * one after the other: after each that it took, all that is left may be tried again. Before anything secret is sent, the server
 * is asked what it takes.
 */
export function planLogin(user: string, attempts: readonly Attempt[], failures: readonly string[]): LoginPlan {
  const left = [...attempts];
  const failed = [...failures];
  const tried: string[] = [];
  let shown = new Set<string>();
  let passed = new Set<Attempt>();
  let current: { readonly attempt: Attempt; readonly fingerprint: string | undefined } | undefined;
  let methods: readonly string[] | undefined;

  const isPossible = (attempt: Attempt): boolean =>
    !passed.has(attempt) &&
    !(attempt.fingerprint !== undefined && shown.has(attempt.fingerprint)) &&
    (methods === undefined || methods.includes(attempt.method));

  /** What the server took is done with; the rest has another chance, since the server asks for something else now. */
  const onTaken = ({ attempt, fingerprint }: NonNullable<typeof current>): void => {
    left.splice(left.indexOf(attempt), 1);
    passed = new Set();
    shown = new Set(fingerprint === undefined ? [] : [fingerprint]);
  };

  const findNext = async (): Promise<AnyAuthMethod | false> => {
    for (let attempt = left.find(isPossible); attempt; attempt = left.find(isPossible)) {
      if (methods === undefined && attempt.method !== 'publickey') return { type: 'none', username: user };
      passed.add(attempt);
      try {
        const opened = await attempt.open();
        const fingerprint = opened.fingerprint ?? attempt.fingerprint;
        if (fingerprint !== undefined && shown.has(fingerprint)) continue;
        if (fingerprint !== undefined) shown.add(fingerprint);
        tried.push(opened.description ?? attempt.description);
        current = { attempt, fingerprint };
        return opened.method;
      } catch (error) {
        failed.push(`${attempt.description} ${error instanceof Error ? error.message : 'cannot be used'}`);
      }
    }
    return false;
  };

  /** ssh2 takes `false` for "no more"; its types do not say so. */
  const tryNext = async (callback: NextAuthHandler): Promise<void> => {
    (callback as (method: AnyAuthMethod | false) => void)(await findNext());
  };

  return {
    handler(methodsLeft, partialSuccess, callback) {
      const last = current;
      current = undefined;
      if (last?.attempt.wasTaken === undefined) {
        if (methodsLeft !== null) methods = methodsLeft;
        if (last !== undefined && partialSuccess === true) onTaken(last);
      } else if (last.attempt.wasTaken()) {
        // ssh2 keeps what the server said of an agent's key to itself: it took the key and wants more, and is asked what.
        onTaken(last);
        methods = undefined;
        callback({ type: 'none', username: user });
        return;
      }
      void tryNext(callback);
    },
    hasTried: () => tried.length > 0,
    describe() {
      const attempted = tried.length === 0 ? 'nothing that could be tried' : `tried ${tried.join(', ')}`;
      const offered = methods === undefined || methods.length === 0 ? '' : `; the server takes ${methods.join(', ')}`;
      return `${attempted}${offered}${[...new Set(failed)].map((failure) => `; ${failure}`).join('')}`;
    },
  };
}
