import { BROWSER_MODES } from './browser-modes.ts';
import { SPACE } from './clean-line.ts';
import type { BrowserMode, JsonValue, KeywordName, LogEntry } from './log-entry.ts';

/** An entry as an agent writes it, and what it says. The documentation shows the first, a test checks the second. */
interface KeywordExample {
  readonly line: string;
  readonly entry: LogEntry;
}

/** All that is known of a keyword: the documentation and the parser are both made from this. */
export interface Keyword {
  readonly name: KeywordName;
  /** How the documentation writes the form of an entry. */
  readonly form: string;
  /** What the documentation says of it. */
  readonly meaning: string;
  readonly examples: readonly KeywordExample[];
  /** The modes that know it. */
  readonly modes: readonly BrowserMode[];
  /** Whether the bare word, without a colon, is an entry too. */
  readonly isColonOptional: boolean;
  /** Whether what is left of an overlong entry still says something true. A path, a URL or JSON that was cut does not. */
  readonly isUsableWhenCut: boolean;
  /** Reads what follows the colon, without leading white space. `undefined`: not an entry after all. */
  parse(text: string): LogEntry | undefined;
}

const PERCENT = new RegExp(`^([0-9]{1,3})%(?:${SPACE}+|$)`);
const KEYWORD_AND_DATA = new RegExp(`^([^ \\t]+?)${SPACE}+(.+)$`, 's');

/** Deeper JSON would overflow the stack of whoever writes it again. */
const MAX_JSON_DEPTH = 64;

/** In the order in which a line is tried. */
export const KEYWORDS: readonly Keyword[] = [
  {
    name: 'STATUS',
    form: 'STATUS: [<percent>%] <what you are doing>',
    meaning:
      'Says where you are. Write one whenever you begin something new and every few minutes during long work. ' +
      'Start with a percentage when you can estimate how much of the whole task is behind you, leave it out when you cannot.',
    examples: [
      {
        line: 'STATUS: 40% writing the integration tests',
        entry: { type: 'status', percent: 40, message: 'writing the integration tests' },
      },
      {
        line: 'STATUS: reading the source',
        entry: { type: 'status', percent: undefined, message: 'reading the source' },
      },
    ],
    modes: BROWSER_MODES,
    isColonOptional: false,
    isUsableWhenCut: true,
    parse(text) {
      const found = PERCENT.exec(text);
      if (found === null) return { type: 'status', percent: undefined, message: text };
      return {
        type: 'status',
        percent: Math.min(100, Number(found[1])),
        message: text.slice(found[0].length),
      };
    },
  },
  {
    name: 'DELIVERABLE',
    form: 'DELIVERABLE: <path of the file>',
    meaning: 'Hands over a file. See "Deliverables" below for when and where.',
    examples: [
      {
        line: 'DELIVERABLE: ./deliverables/report.md',
        entry: { type: 'deliverable', path: 'deliverables/report.md' },
      },
    ],
    modes: BROWSER_MODES,
    isColonOptional: false,
    isUsableWhenCut: false,
    parse(text) {
      if (text === '') return undefined;
      const path = text.replace(/^(?:\.\/+)+/, '');
      return { type: 'deliverable', path: path === '' ? '.' : path };
    },
  },
  {
    name: 'DONE',
    form: 'DONE[: <summary>]',
    meaning: 'The whole task is finished and nothing is left to do. A summary of one sentence is welcome.',
    examples: [
      { line: 'DONE', entry: { type: 'done', summary: undefined } },
      {
        line: 'DONE: report written, all 12 checks pass',
        entry: { type: 'done', summary: 'report written, all 12 checks pass' },
      },
    ],
    modes: BROWSER_MODES,
    isColonOptional: true,
    isUsableWhenCut: true,
    parse: (text) => ({ type: 'done', summary: text === '' ? undefined : text }),
  },
  {
    name: 'ERROR',
    form: 'ERROR[: <reason>]',
    meaning:
      'You cannot go on, and neither another attempt nor an answer from the human would help. Say why in one sentence.',
    examples: [
      { line: 'ERROR', entry: { type: 'error', message: undefined } },
      {
        line: 'ERROR: the repository needs a token that is not here',
        entry: { type: 'error', message: 'the repository needs a token that is not here' },
      },
    ],
    modes: BROWSER_MODES,
    isColonOptional: true,
    isUsableWhenCut: true,
    parse: (text) => ({ type: 'error', message: text === '' ? undefined : text }),
  },
  {
    name: 'BROWSER',
    form: 'BROWSER: <url>',
    meaning:
      'Asks for a page to be opened in the browser of the human, who is at another machine than you. ' +
      '`xdg-open` and its relatives write this entry for you.',
    examples: [
      {
        line: 'BROWSER: https://example.com/login?code=7',
        entry: { type: 'browser', url: 'https://example.com/login?code=7' },
      },
    ],
    modes: ['redirect'],
    isColonOptional: false,
    isUsableWhenCut: false,
    parse(text) {
      const url = /^"(.*)"$/s.exec(text)?.[1] ?? text;
      return url === '' ? undefined : { type: 'browser', url };
    },
  },
  {
    name: 'ATTENTION',
    form: 'ATTENTION: <what you need>',
    meaning: 'Calls the human, who may be doing something else. Write it when you wait for an answer or a decision.',
    examples: [
      {
        line: 'ATTENTION: which of the two schemas is the current one?',
        entry: { type: 'attention', reason: 'which of the two schemas is the current one?' },
      },
    ],
    modes: BROWSER_MODES,
    isColonOptional: false,
    isUsableWhenCut: true,
    parse: (text) => (text === '' ? undefined : { type: 'attention', reason: text }),
  },
  {
    name: 'DOMAIN_MESSAGE',
    form: 'DOMAIN_MESSAGE: <keyword> <JSON>',
    meaning:
      'Passes data to the program that started you. Only for keywords that your task names. The JSON stays on the same line; ' +
      'an entry whose JSON is malformed is dropped.',
    examples: [
      {
        line: 'DOMAIN_MESSAGE: invoice {"number": 7, "total": "12.50"}',
        entry: {
          type: 'domain-message',
          keyword: 'invoice',
          data: { number: 7, total: '12.50' },
        },
      },
    ],
    modes: BROWSER_MODES,
    isColonOptional: false,
    isUsableWhenCut: false,
    parse(text) {
      const found = KEYWORD_AND_DATA.exec(text);
      if (found?.[1] === undefined || found[2] === undefined) return undefined;
      const data = parseJson(found[2]);
      return data && { type: 'domain-message', keyword: found[1], data: data.value };
    },
  },
];

function parseJson(text: string): { readonly value: JsonValue } | undefined {
  if (isDeep(text)) return undefined;
  try {
    return { value: JSON.parse(text) as JsonValue };
  } catch {
    return undefined; // not JSON: the line is then an unknown entry, which the caller shows
  }
}

function isDeep(json: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let index = 0; index < json.length; index += 1) {
    const character = json[index];
    if (isInString) {
      if (character === '\\') index += 1;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === '[' || character === '{') {
      depth += 1;
      if (depth > MAX_JSON_DEPTH) return true;
    } else if (character === ']' || character === '}') depth -= 1;
  }
  return false;
}
