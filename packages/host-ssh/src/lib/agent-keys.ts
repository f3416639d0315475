import ssh2 from 'ssh2';
import type { BaseAgent, ParsedKey } from 'ssh2';

/** A key that an ssh-agent holds. */
export interface AgentKey {
  readonly key: ParsedKey;
  /** An agent of this key alone, which ssh2 can ask. */
  readonly agent: BaseAgent;
  /** Whether it has signed: whoever comes back after that was not refused the key, but asked for more. */
  readonly hasSigned: () => boolean;
}

/** Milliseconds that an agent may take to list its keys, which needs nobody's consent. */
const listTimeoutMs = 5000;

/** Lists the keys of the agent. Rejects with a plain `Error` in words that go on after `the agent at /path: `. */
export async function listAgentKeys(socketPath: string): Promise<readonly AgentKey[]> {
  const agent = ssh2.createAgent(socketPath);
  const listed = Promise.withResolvers<readonly ParsedKey[]>();
  const timer = setTimeout(() => listed.reject(new Error('it does not answer')), listTimeoutMs);
  try {
    agent.getIdentities((error, keys) => {
      if (error) return listed.reject(new Error('it cannot be asked', { cause: error }));
      listed.resolve(((keys ?? []) as readonly ListedKey[]).flatMap(parsed));
    });
    return (await listed.promise).map((key) => ({ key, ...only(agent, key) }));
  } finally {
    clearTimeout(timer);
  }
}

/** What an agent of ssh2's own lists; its types allow more. */
type ListedKey = Buffer | string | ParsedKey;

function parsed(key: ListedKey): readonly ParsedKey[] {
  const result = ssh2.utils.parseKey(key);
  return result instanceof Error ? [] : [result];
}

function only(agent: BaseAgent, key: ParsedKey): Omit<AgentKey, 'key'> {
  let hasSigned = false;
  return { agent: new OneKeyAgent(agent, key, () => (hasSigned = true)), hasSigned: () => hasSigned };
}

class OneKeyAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #agent: BaseAgent;
  readonly #key: ParsedKey;
  readonly #onSigned: () => void;

  constructor(agent: BaseAgent, key: ParsedKey, onSigned: () => void) {
    super();
    this.#agent = agent;
    this.#key = key;
    this.#onSigned = onSigned;
  }

  override getIdentities(callback: (error: Error | undefined, keys?: ParsedKey[]) => void): void {
    callback(undefined, [this.#key]);
  }

  override sign(key: ParsedKey, data: Buffer, ...rest: readonly unknown[]): void {
    const callback = rest.at(-1) as (error?: Error | null, signature?: Buffer) => void;
    const options = (rest.length > 1 ? rest[0] : {}) as Record<string, never>;
    this.#agent.sign(key, data, options, (error, signature) => {
      if (!error) this.#onSigned();
      callback(error, signature);
    });
  }
}
