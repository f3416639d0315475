import { z } from 'zod';

import { DURATION_PATTERN } from './duration.ts';
import { REFERENCE_PATTERN } from './secret-reference.ts';

/** What a field must be, said where it is missing or something else. */
export function expecting(what: string): {
  readonly error: (issue: { readonly input?: unknown }) => string;
} {
  return {
    error: ({ input }) => {
      if (input === undefined) return `is missing: ${what}`;
      if (input === null) return `is empty: ${what}`;
      if (typeof input === 'number' || typeof input === 'boolean') {
        return `is read as a ${typeof input}: ${what}; put text in quotes`;
      }
      return `is not what it must be: ${what}`;
    },
  };
}

/** Said of a secret that stands in the file as it is. */
export const NEVER_LITERAL: string =
  'holds a value where a reference belongs; put the secret into an environment variable and write env:NAME, or into a file and write file:PATH';

export const secret = (what: string): z.ZodString =>
  z.string(expecting(`${what}, as env:NAME or file:PATH`)).regex(REFERENCE_PATTERN, { error: NEVER_LITERAL });

export const text = (what: string): z.ZodString =>
  z.string(expecting(what)).regex(/\S/, { error: `is empty: ${what}` });

export const word = (what: string, pattern: RegExp, error: string): z.ZodString =>
  z.string(expecting(what)).regex(pattern, { error });

/** Said of a duration that cannot be read, is zero, or is longer than 20 days. */
export const NO_DURATION: string = 'is no duration; write 90s, 30m, 2h or 1h30m, at most 20d';

const model = z.strictObject(
  {
    provider: word(
      "the provider's id, such as openai or anthropic, or a name of your own with baseUrl",
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      'must consist of letters, digits, `.`, `_` and `-`',
    ).describe(
      'Provider id as opencode knows it (openai, anthropic, google, openrouter…), or a name of your own together with baseUrl.',
    ),
    name: text("the model's name as its provider spells it").describe("The model's name as its provider spells it."),
    baseUrl: z
      .url({
        protocol: /^https?$/,
        error: 'must be an http:// or https:// address, such as http://127.0.0.1:8080/v1',
      })
      .optional()
      .describe(
        'Address of an OpenAI-compatible endpoint, up to and including /v1. For a well-known provider: another address for its own protocol.',
      ),
    apiKey: secret('the API key')
      .optional()
      .describe(
        "The API key by reference: env:NAME, file:PATH or key:NAME (of the worker's configuration), never the key itself.",
      ),
  },
  expecting('a map with provider, name and apiKey'),
);

const fields = z.strictObject(
  {
    $schema: z.string().optional().describe('For editors: where the JSON schema is.'),
    task: text('what the agent is to do').describe('What the agent is to do, in words.'),
    id: word(
      'a name for the task',
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      'must begin with a letter or digit, go on with letters, digits, `.`, `_` or `-`, and have at most 64 characters',
    )
      .optional()
      .describe("The task's name. Default: the file's name and the time."),
    model: model.optional().describe('Which model answers. May be left out where the seed brings one.'),
    host: text('the name of a machine')
      .optional()
      .describe("Where it runs: a name of the worker's configuration or of ssh_config. Default: this machine."),
    hooks: z
      .union([text('a hook'), z.array(text('a hook'))], { error: 'must be a hook, or a list of them' })
      .optional()
      .describe(
        "Code around the session: names of the worker's configuration, or modules (./hooks.mjs) beside this file.",
      ),
    files: text('a directory, or the URL of a git repository')
      .optional()
      .describe(
        'What the agent finds in its working directory: a directory relative to this file, or a git URL (https, ssh, file) with an optional #branch, #tag or #commit.',
      ),
    deadline: word('a duration such as 30m or 2h', DURATION_PATTERN, NO_DURATION)
      .optional()
      .describe('The session is ended when it takes longer: 90s, 30m, 2h, 1h30m. At most 20d.'),
    seed: text('the id of a seed')
      .optional()
      .describe('Id of the seed (login and model of an earlier session) to start from.'),
    saveSeed: z
      .union([z.boolean(), z.string().regex(/\S/)], {
        error: 'must be true, false or a label in quotes',
      })
      .optional()
      .describe('Keep login and model of this session, encrypted, as a new seed: true, or a label for it.'),
    deliverables: text('a directory for what the agent delivers')
      .optional()
      .describe('Output directory, relative to this file. Default: ./optio-out/<id> where optio is run.'),
    confine: z
      .enum(['auto', 'required', 'off'], { error: 'must be auto, required or off' })
      .optional()
      .describe('Whether the agent sees only its task directory: auto (where bubblewrap works), required, or off.'),
    env: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
          error: 'a variable has a name of letters, digits and `_` that does not begin with a digit',
        }),
        z.string(expecting('text, env:NAME or file:PATH')),
        expecting('a map of variables'),
      )
      .optional()
      .describe("Variables for the agent's environment: text, or env:NAME or file:PATH for secrets."),
    opencode: z
      .record(z.string(), z.json(), expecting("a map, as in opencode's own opencode.json"))
      .optional()
      .describe('Extra configuration of opencode for this task, as in opencode.json. Provider keys by reference only.'),
  },
  expecting('fields such as `task: …`, one per line'),
);

/** The fields of a task file. Each says in its own words what it must be. */
export const taskFileSchema: z.ZodType<TaskFileFields> = fields;

/** Names of the fields there are, by the path of what they are fields of: `''` for the file itself. */
export const KNOWN_FIELDS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(fields.shape).filter((name) => name !== '$schema'),
  model: Object.keys(model.shape),
};

/** The fields of a task file as they are written there. */
export interface TaskFileFields {
  readonly $schema?: string | undefined;
  readonly task: string;
  readonly id?: string | undefined;
  readonly model?:
    | {
        readonly provider: string;
        readonly name: string;
        readonly baseUrl?: string | undefined;
        readonly apiKey?: string | undefined;
      }
    | undefined;
  readonly host?: string | undefined;
  readonly hooks?: string | readonly string[] | undefined;
  readonly files?: string | undefined;
  readonly deadline?: string | undefined;
  readonly seed?: string | undefined;
  readonly saveSeed?: boolean | string | undefined;
  readonly deliverables?: string | undefined;
  readonly confine?: 'auto' | 'required' | 'off' | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly opencode?: { readonly [field: string]: JsonValue } | undefined;
}

/** Anything that JSON can hold. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [field: string]: JsonValue };

/** The schema for editors and other programs, as published in `task.schema.json`. */
export function taskFileJsonSchema(): Record<string, unknown> {
  return {
    title: 'optio task file',
    ...z.toJSONSchema(taskFileSchema, { target: 'draft-7', io: 'input' }),
  };
}
