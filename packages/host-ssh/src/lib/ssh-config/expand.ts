import { hostname } from 'node:os';

import type { ConfigSource } from './settings.ts';

/** What the `%` tokens of a value stand for: the letter after the `%`, and its text. */
export type Tokens = Readonly<Record<string, string>>;

/** Facts about one host that tokens tell. */
export interface TokenFacts {
  /** As it was asked for. */
  readonly alias: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly hostKeyAlias?: string;
}

/** The tokens that paths may hold. `%C`, a digest that differs from release to release, is not among them. */
export function pathTokens(facts: TokenFacts, source: ConfigSource): Tokens {
  const machine = hostname();
  return {
    ...jumpTokens(facts),
    d: source.home,
    i: String(process.getuid?.() ?? ''),
    k: facts.hostKeyAlias ?? facts.alias,
    L: machine.split('.')[0] ?? machine,
    l: machine,
    u: source.localUser,
  };
}

/** The tokens that ProxyJump may hold. */
export function jumpTokens({ host, alias, port, user }: TokenFacts): Tokens {
  return { h: host, n: alias, p: String(port), r: user };
}

/** Replaces tokens. Throws a plain `Error` that names a token which is none. */
export function expandTokens(value: string, tokens: Tokens): string {
  return value.replaceAll(/%(.?)/gs, (token, letter: string) => {
    if (letter === '%') return '%';
    const text = Object.hasOwn(tokens, letter) ? tokens[letter] : undefined;
    if (text === undefined) throw new Error(`the token ${token} is not supported`);
    return text;
  });
}

/** A path with `~`, `${VARIABLE}` and tokens replaced. Throws a plain `Error` that says which of them cannot be. */
export function expandPath(path: string, tokens: Tokens, source: ConfigSource): string {
  return expandTokens(expandVariables(expandHome(path, source), source), tokens);
}

/** `~` and `~me` are the home directory. */
export function expandHome(path: string, { home, localUser }: ConfigSource): string {
  const match = /^~(?<user>[^/]*)(?<rest>.*)$/s.exec(path);
  if (match?.groups === undefined) return path;
  const user = match.groups['user'] ?? '';
  if (user !== '' && user !== localUser) throw new Error(`the home directory of ${user} is not looked up`);
  return `${home}${match.groups['rest'] ?? ''}`;
}

function expandVariables(value: string, { env }: ConfigSource): string {
  return value.replaceAll(/\$\{([^}]*)\}/g, (_, name: string) => {
    const text = env[name];
    if (text === undefined) throw new Error(`the environment holds no ${name}`);
    return text;
  });
}
