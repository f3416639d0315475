import { open } from 'node:fs/promises';

import type { AnyAuthMethod } from 'ssh2';

import { listAgentKeys } from './agent-keys.ts';
import { fingerprintOf, parsePin } from './host-keys.ts';
import { planLogin, type Attempt, type LoginPlan, type OpenedAttempt } from './login-plan.ts';
import { readPrivateKey } from './private-key.ts';
import type { KeyboardPrompt, SecretSource, SshAuthentication } from './ways-to-log-in.ts';

/**
 * Makes the plan for one connection. Key files are read when their turn has come, secrets are asked for when they are needed; a
 * way that cannot be used is told in the end, when none of the others worked.
 */
export async function planAuthentication(user: string, ways: readonly SshAuthentication[]): Promise<LoginPlan> {
  const failures: string[] = [];
  const lists = await Promise.all(
    ways.map((way) =>
      attemptsOf(user, way).catch((error: Error) => {
        failures.push(error.message);
        return [];
      }),
    ),
  );
  return planLogin(user, lists.flat(), failures);
}

async function attemptsOf(user: string, way: SshAuthentication): Promise<readonly Attempt[]> {
  switch (way.type) {
    case 'key':
      return [keyAttempt(user, 'the given key', () => Promise.resolve(Buffer.from(way.privateKey)), way.passphrase)];
    case 'key-file':
      return [keyAttempt(user, way.path, () => readKeyFile(way.path), way.passphrase)];
    case 'agent':
      return agentAttempts(
        user,
        way.socketPath,
        way.keys?.map((key) => parsePin(key).fingerprint),
      );
    case 'password': {
      const password = memoised(way.password, 'cannot be had: what was to fetch it failed');
      return [
        {
          method: 'password',
          description: 'the password',
          open: async () => ({ method: { type: 'password', username: user, password: await password() } }),
        },
        questionAttempt(user, 'the password as an answer', async (prompts) => {
          // More than one question, or one that is shown, is not a question for the password.
          if (prompts.length === 0) return [];
          if (prompts.length > 1 || prompts[0]?.echo === true)
            throw new Error('the server asks for more than a password');
          return [await password()];
        }),
      ];
    }
    case 'keyboard-interactive':
      return [questionAttempt(user, 'answers to questions', async (prompts) => way.answer(prompts))];
  }
}

async function agentAttempts(
  user: string,
  socketPath: string,
  wanted: readonly string[] | undefined,
): Promise<readonly Attempt[]> {
  const name = `the agent at ${socketPath}`;
  const held = await listAgentKeys(socketPath).catch((error: Error) => {
    throw new Error(`${name}: ${error.message}`);
  });
  const attempts = held.map(({ key, agent, hasSigned }): Attempt => {
    const fingerprint = fingerprintOf(key.getPublicSSH());
    return {
      method: 'publickey',
      description: `${key.type} ${fingerprint} of ${name}`,
      fingerprint,
      wasTaken: hasSigned,
      open: async () => ({ method: { type: 'agent', username: user, agent } }),
    };
  });
  const chosen =
    wanted === undefined
      ? attempts
      : wanted.flatMap((pin) => attempts.filter(({ fingerprint }) => fingerprint === pin));
  if (chosen.length === 0) {
    throw new Error(`${name} holds ${held.length === 0 ? 'no key' : 'none of the keys that are to be used'}`);
  }
  return chosen;
}

function keyAttempt(
  user: string,
  name: string,
  read: () => Promise<Buffer>,
  passphrase: SecretSource | undefined,
): Attempt {
  const secret =
    passphrase === undefined ? undefined : memoised(passphrase, 'is encrypted, and its passphrase cannot be had');
  const openKey = async (): Promise<OpenedAttempt> => {
    const content = await read();
    let result = readPrivateKey(content);
    if (result.kind === 'encrypted' && secret) result = readPrivateKey(content, await secret());
    if (result.kind !== 'key') throw new Error(keyProblems[result.kind]);
    const { key } = result;
    const fingerprint = fingerprintOf(key.getPublicSSH());
    return {
      method: { type: 'publickey', username: user, key },
      description: `${name} (${key.type} ${fingerprint})`,
      fingerprint,
    };
  };
  let opened: Promise<OpenedAttempt> | undefined;
  return { method: 'publickey', description: name, open: () => (opened ??= openKey()) };
}

const keyProblems = {
  encrypted: 'is encrypted and no passphrase was given',
  'wrong-passphrase': 'cannot be decrypted: is the passphrase right?',
  public: 'is a public key, and logging in needs the private one',
  unreadable: 'is no private key that can be read',
} as const;

/** A key that others can read is refused, as OpenSSH does: it may be known to them by now. */
async function readKeyFile(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, 'r');
    const { mode, uid } = await file.stat();
    if (uid === process.getuid?.() && (mode & 0o077) !== 0) {
      throw new Error(`can be read by others (mode ${(mode & 0o777).toString(8).padStart(4, '0')}): chmod 600 ${path}`);
    }
    return await file.readFile();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new Error(`cannot be read (${code})`, { cause: error });
  }
}

function questionAttempt(
  user: string,
  description: string,
  answer: (prompts: readonly KeyboardPrompt[]) => Promise<readonly string[]>,
): Attempt {
  const method: AnyAuthMethod = {
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
  return { method: 'keyboard-interactive', description, open: () => Promise.resolve({ method }) };
}

/** Asked once. What a failing source says stays with it: it may hold the secret. */
function memoised(source: SecretSource, problem: string): () => Promise<string> {
  let value: Promise<string> | undefined;
  const fetch = async (): Promise<string> => {
    try {
      return typeof source === 'string' ? source : await source();
    } catch {
      throw new Error(problem);
    }
  };
  return () => (value ??= fetch());
}
