import { readFile } from 'node:fs/promises';

import ssh2 from 'ssh2';
import type { AnyAuthMethod, AuthenticationType, NextAuthHandler } from 'ssh2';

import { fingerprintOf } from './host-keys.ts';

/** A secret, or what fetches it when it is needed. */
export type SecretSource = string | (() => string | Promise<string>);

/** A question of the server in keyboard-interactive authentication. */
export interface KeyboardPrompt {
  readonly prompt: string;
  /** Whether the answer may be shown while it is typed. */
  readonly echo: boolean;
}

/** One way to prove who logs in. */
export type SshAuthentication =
  | {
      readonly type: 'key';
      /** The key itself: OpenSSH, PEM or PuTTY format. */
      readonly privateKey: string | Uint8Array;
      /** Asked for only when the key is encrypted. */
      readonly passphrase?: SecretSource;
    }
  | {
      readonly type: 'key-file';
      /** Path of a private key on this machine. Read for each connection. */
      readonly path: string;
      readonly passphrase?: SecretSource;
    }
  | {
      readonly type: 'agent';
      /** The ssh-agent's socket, as in `SSH_AUTH_SOCK`. The agent is used here and never forwarded. */
      readonly socketPath: string;
    }
  | {
      readonly type: 'password';
      /** Sent as a password, or as the answer to a single hidden question where the server asks questions. */
      readonly password: SecretSource;
    }
  | {
      readonly type: 'keyboard-interactive';
      /** Answers the server's questions, one for each. */
      readonly answer: (prompts: readonly KeyboardPrompt[]) => readonly string[] | Promise<readonly string[]>;
    };

/** The attempts that will be made, in order, and what to say of them when none worked. */
export interface AuthenticationPlan {
  readonly handler: (
    methodsLeft: readonly AuthenticationType[] | null,
    partialSuccess: boolean | null,
    next: NextAuthHandler,
  ) => void;
  /** What was tried and what the server would take. No secret. */
  describe(): string;
}

interface Attempt {
  readonly method: AuthenticationType;
  readonly description: string;
  readonly open: () => Promise<AnyAuthMethod>;
}

/**
 * Reads keys and makes the plan for one connection. Rejects with a plain `Error` whose message goes on after `Cannot log in
 * to …: `.
 */
export async function planAuthentication(
  user: string,
  ways: readonly SshAuthentication[],
): Promise<AuthenticationPlan> {
  const attempts = (await Promise.all(ways.map((way) => attemptsOf(user, way)))).flat();
  const tried: string[] = [];
  const failures: string[] = [];
  let accepted: readonly string[] = [];
  let next = 0;
  const isPossible = (attempt: Attempt, methods: readonly string[] | null): boolean =>
    methods === null || methods.includes(attempt.method === 'agent' ? 'publickey' : attempt.method);
  const tryNext = (methods: readonly string[] | null, callback: NextAuthHandler): void => {
    const attempt = attempts.slice(next).find((candidate) => isPossible(candidate, methods));
    if (attempt === undefined) return giveUp(callback);
    next = attempts.indexOf(attempt) + 1;
    tried.push(attempt.description);
    void open(attempt, methods, callback);
  };
  const open = async (
    attempt: Attempt,
    methods: readonly string[] | null,
    callback: NextAuthHandler,
  ): Promise<void> => {
    let method: AnyAuthMethod;
    try {
      method = await attempt.open();
    } catch (error) {
      failures.push(`${attempt.description}: ${error instanceof Error ? error.message : 'failed'}`);
      return tryNext(methods, callback);
    }
    callback(method);
  };
  return {
    handler(methodsLeft, _partialSuccess, callback) {
      if (methodsLeft !== null) accepted = methodsLeft;
      tryNext(methodsLeft, callback);
    },
    describe() {
      const attempted = tried.length === 0 ? 'nothing that could be tried' : `tried ${tried.join(', ')}`;
      const offered = accepted.length === 0 ? '' : `; the server takes ${accepted.join(', ')}`;
      return `${attempted}${offered}${failures.map((failure) => `; ${failure}`).join('')}`;
    },
  };
}

/** ssh2 takes `false` for "no more"; its types do not say so. */
function giveUp(callback: NextAuthHandler): void {
  (callback as unknown as (none: false) => void)(false);
}

async function attemptsOf(user: string, way: SshAuthentication): Promise<readonly Attempt[]> {
  switch (way.type) {
    case 'key':
      return [await keyAttempt(user, way.privateKey, way.passphrase, 'the given key')];
    case 'key-file': {
      const content = await readFile(way.path).catch((error: unknown) => {
        throw new Error(`the key file ${way.path} cannot be read (${(error as NodeJS.ErrnoException).code})`, {
          cause: error,
        });
      });
      return [await keyAttempt(user, content, way.passphrase, way.path)];
    }
    case 'agent': {
      const { socketPath } = way;
      const open = async (): Promise<AnyAuthMethod> => ({ type: 'agent', username: user, agent: socketPath });
      return [{ method: 'agent', description: `the keys of the agent at ${socketPath}`, open }];
    }
    case 'password': {
      const password = memoised(way.password);
      return [
        {
          method: 'password',
          description: 'the password',
          open: async () => ({ type: 'password', username: user, password: await password() }),
        },
        {
          method: 'keyboard-interactive',
          description: 'the password as an answer',
          open: async () =>
            questions(user, async (prompts) => {
              // More than one question, or one that is shown, is not a question for the password.
              if (prompts.length === 0) return [];
              if (prompts.length > 1 || prompts[0]?.echo === true)
                throw new Error('the server asks for more than a password');
              return [await password()];
            }),
        },
      ];
    }
    case 'keyboard-interactive': {
      const answer = async (prompts: readonly KeyboardPrompt[]): Promise<readonly string[]> => way.answer(prompts);
      return [
        {
          method: 'keyboard-interactive',
          description: 'answers to questions',
          open: async () => questions(user, answer),
        },
      ];
    }
  }
}

async function keyAttempt(
  user: string,
  privateKey: string | Uint8Array,
  passphrase: SecretSource | undefined,
  name: string,
): Promise<Attempt> {
  const content = typeof privateKey === 'string' ? privateKey : Buffer.from(privateKey);
  let key = ssh2.utils.parseKey(content);
  if (key instanceof Error && /encrypted|passphrase/i.test(key.message) && passphrase !== undefined) {
    key = ssh2.utils.parseKey(content, await memoised(passphrase)());
    if (key instanceof Error) throw new Error(`${name} cannot be decrypted: is the passphrase right?`);
  }
  const parsed = Array.isArray(key) ? key[0] : key;
  if (parsed === undefined || parsed instanceof Error) {
    const isEncrypted = parsed !== undefined && /encrypted|passphrase/i.test(parsed.message);
    throw new Error(
      isEncrypted ? `${name} is encrypted and no passphrase was given` : `${name} is no private key that can be read`,
    );
  }
  if (!parsed.isPrivateKey()) throw new Error(`${name} is a public key, and logging in needs the private one`);
  return {
    method: 'publickey',
    description: `${name} (${parsed.type} ${fingerprintOf(parsed.getPublicSSH())})`,
    open: async () => ({ type: 'publickey', username: user, key: parsed }),
  };
}

function questions(
  user: string,
  answer: (prompts: readonly KeyboardPrompt[]) => Promise<readonly string[]>,
): AnyAuthMethod {
  return {
    type: 'keyboard-interactive',
    username: user,
    prompt: (_name, _instructions, _language, prompts, finish) => {
      const asked = prompts.map(({ prompt, echo }) => ({ prompt, echo: echo ?? false }));
      // No answer is a wrong one: the server then says that this way has failed, and the next is tried.
      answer(asked).then(
        (answers) => finish([...answers]),
        () => finish([]),
      );
    },
  };
}

function memoised(source: SecretSource): () => Promise<string> {
  let value: Promise<string> | undefined;
  return () => (value ??= Promise.resolve(typeof source === 'string' ? source : source()));
}
