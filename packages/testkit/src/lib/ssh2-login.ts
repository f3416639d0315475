import { timingSafeEqual } from 'node:crypto';

import ssh2 from 'ssh2';
import type { AuthContext, AuthenticationType, Connection, KeyboardAuthContext, PublicKeyAuthContext } from 'ssh2';

/** A question of keyboard-interactive authentication, and its right answer. */
export interface KeyboardQuestion {
  readonly prompt: string;
  /** Whether the answer may be shown while it is typed. @default false */
  readonly echo?: boolean;
  readonly answer: string;
}

/** Questions that are asked in one go. */
export interface KeyboardRound {
  readonly title?: string;
  readonly instructions?: string;
  /** May be none: PAM's modules tell things that way. */
  readonly questions: readonly KeyboardQuestion[];
}

/** Which logins an ssh2 server takes. */
export interface Ssh2LoginOptions {
  /** Whether the key it made may log in. @default true */
  readonly publicKey?: boolean;
  /** @default none */
  readonly password?: string;
  /** Rounds of questions, asked in order; a wrong answer ends them. @default none */
  readonly keyboardInteractive?: readonly KeyboardRound[];
  /** Whether each of these ways is needed, in this order, as with `AuthenticationMethods` of sshd. @default any one will do */
  readonly all?: boolean;
}

/** What a connection is let in by. */
export interface Ssh2Login extends Ssh2LoginOptions {
  readonly user: string;
  /** Public key that may log in. */
  readonly authorizedKey: string;
  readonly log: (line: string) => void;
}

/** Answers the attempts of one connection to log in. */
export function handleLogin(connection: Connection, login: Ssh2Login): void {
  let needed = methodsOf(login);
  connection.on('authentication', (context) => {
    const { method } = context;
    if (method === 'none') return context.reject([...offered(login, needed)]);
    void check(context, login, needed).then((isRight) => {
      // Before it signs, a client asks whether a key would do; to accept that lets nobody in.
      if (isRight && context.method === 'publickey' && context.signature === undefined) return context.accept();
      login.log(`${isRight ? 'Accepted' : 'Failed'} ${method} for ${context.username}`);
      if (!isRight) return context.reject([...offered(login, needed)]);
      needed = login.all === true ? needed.slice(1) : [];
      if (needed.length === 0) context.accept();
      else context.reject([...offered(login, needed)], true);
    });
  });
}

function methodsOf(login: Ssh2LoginOptions): readonly AuthenticationType[] {
  return [
    ...(login.publicKey === false ? [] : (['publickey'] as const)),
    ...(login.password === undefined ? [] : (['password'] as const)),
    ...(login.keyboardInteractive === undefined ? [] : (['keyboard-interactive'] as const)),
  ];
}

function offered(login: Ssh2LoginOptions, needed: readonly AuthenticationType[]): readonly AuthenticationType[] {
  return login.all === true ? needed.slice(0, 1) : needed;
}

async function check(context: AuthContext, login: Ssh2Login, needed: readonly AuthenticationType[]): Promise<boolean> {
  if (context.username !== login.user || !offered(login, needed).includes(context.method)) return false;
  switch (context.method) {
    case 'publickey':
      return checkKey(context, login.authorizedKey);
    case 'password':
      return isSame(context.password, login.password ?? '');
    case 'keyboard-interactive':
      return askAll(context, login.keyboardInteractive ?? []);
    case 'hostbased':
    case 'none':
      return false;
  }
}

function checkKey({ key, blob, signature, hashAlgo }: PublicKeyAuthContext, authorizedKey: string): boolean {
  const parsed = ssh2.utils.parseKey(authorizedKey);
  if (parsed instanceof Error) throw parsed;
  if (!parsed.getPublicSSH().equals(key.data)) return false;
  if (blob === undefined || signature === undefined) return true;
  return parsed.verify(blob, signature, hashAlgo) === true;
}

async function askAll(context: KeyboardAuthContext, rounds: readonly KeyboardRound[]): Promise<boolean> {
  for (const { title = '', instructions = '', questions } of rounds) {
    const prompts = questions.map(({ prompt, echo = false }) => ({ prompt, echo }));
    const answers = await new Promise<readonly string[]>((resolve) => {
      context.prompt(prompts, title, instructions, resolve);
    });
    if (!isSame(JSON.stringify(answers), JSON.stringify(questions.map(({ answer }) => answer)))) return false;
  }
  return true;
}

function isSame(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
