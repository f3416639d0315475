import { runCommand, writeFile } from '@optio-ts/testkit';
import type { ScriptedMessage, ScriptedModelRequest } from '@optio-ts/testkit';

/** An OAuth server and the agent that uses it: each refresh token is good for one use. */
export interface RotatingLogin {
  /** The login that is alive, as `auth.json` has it. */
  readonly entry: () => Readonly<Record<string, string | number>>;
  /** Refresh tokens that were used though they were dead. */
  readonly dead: readonly string[];
  /** How often a login was refreshed. */
  readonly refreshes: number;
  /** The agent: looks into its `auth.json`, refreshes the login in it, writes the new one there, and says what `then` returns. */
  readonly script: (
    then: (request: ScriptedModelRequest) => ScriptedMessage,
  ) => (request: ScriptedModelRequest) => ScriptedMessage;
}

const authFile = './home/.local/share/opencode/auth.json';

/** Starts with one login that is alive. */
export function createRotatingLogin(): RotatingLogin {
  const dead: string[] = [];
  let alive = 1;
  const entry = (): Record<string, string | number> => ({
    type: 'oauth',
    refresh: `refresh-${alive}`,
    access: `access-${alive}`,
    expires: 1_800_000_000_000 + alive,
  });
  return {
    entry,
    dead,
    get refreshes() {
      return alive - 1;
    },
    script: (then) => (request) => {
      if (request.step === 0) return { toolCalls: [runCommand(`cat ${authFile}`)] };
      if (request.step > 1) return then(request);
      const seen = request.messages.findLast(({ role }) => role === 'tool')?.text ?? '';
      const token = /refresh-\d+/.exec(seen)?.[0] ?? 'none';
      if (token === `refresh-${alive}`) alive += 1;
      else dead.push(token);
      const auth = JSON.parse(seen.slice(seen.indexOf('{'), seen.lastIndexOf('}') + 1)) as Record<string, unknown>;
      return { toolCalls: [writeFile(authFile, JSON.stringify({ ...auth, lab: entry() }))] };
    },
  };
}
