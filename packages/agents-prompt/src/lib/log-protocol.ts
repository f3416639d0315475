import { checkBrowserMode } from './browser-modes.ts';
import { cleanLine, MAX_LINE_LENGTH, SPACE } from './clean-line.ts';
import { composeDocumentation } from './documentation.ts';
import { KEYWORDS } from './keywords.ts';
import type { Keyword } from './keywords.ts';
import type { BrowserMode, KeywordName, LogEntry } from './log-entry.ts';

/** Options of `createLogProtocol`. */
export interface CreateLogProtocolOptions {
  /** What becomes of an agent's wish to open a browser. @default 'ignore' */
  readonly browser?: BrowserMode;
}

/** Options of `LogProtocol.parseLine`. */
export interface ParseLineOptions {
  /** Whether the reader cut the line: a path, URL or JSON that lost its end is then not an entry. @default false */
  readonly isTruncated?: boolean;
}

/** How an agent reports: the text that teaches it and the parser that reads it, both for one browser mode. */
export interface LogProtocol {
  readonly browser: BrowserMode;
  /** Markdown with the sections `## Log channel` and `## Deliverables`. */
  readonly documentation: string;
  /**
   * Reads one line of the log, with or without its line end. Never throws, whatever the line holds. The texts in the result hold no control characters,
   * those in `data` of a domain message excepted; they are otherwise what the agent wrote, and to be treated as such.
   */
  parseLine(line: string, options?: ParseLineOptions): LogEntry;
}

/** Characters in which a keyword that was nearly one is looked for. */
const MAX_NEAR_MISS = 80;

const LEADING_SPACE = new RegExp(`^${SPACE}+`);

/** Creates the protocol of one browser mode. An unknown mode is a `TypeError`. */
export function createLogProtocol(options: CreateLogProtocolOptions = {}): LogProtocol {
  const browser = options.browser ?? 'ignore';
  checkBrowserMode(browser);
  const keywords = KEYWORDS.filter(({ modes }) => modes.includes(browser));
  return Object.freeze({
    browser,
    documentation: composeDocumentation(browser),
    parseLine: (line: string, { isTruncated = false }: ParseLineOptions = {}) => {
      if (typeof line !== 'string') throw new TypeError('parseLine takes a line as a string: decode its bytes first');
      return parse(keywords, cleanLine(line), isTruncated || line.length > MAX_LINE_LENGTH);
    },
  });
}

function parse(keywords: readonly Keyword[], line: string, isCut: boolean): LogEntry {
  const keyword = keywords.find((candidate) => startsEntry(line, candidate));
  if (keyword !== undefined && !(isCut && !keyword.isUsableWhenCut)) {
    const entry = keyword.parse(line.slice(keyword.name.length + 1).replace(LEADING_SPACE, ''));
    if (entry !== undefined) return entry;
  }
  const resembles = isCut ? undefined : (keyword?.name ?? findResemblance(keywords, line));
  return { type: 'unknown', text: line, ...(resembles !== undefined && { resembles }) };
}

function startsEntry(line: string, { name, isColonOptional }: Keyword): boolean {
  if (!line.startsWith(name)) return false;
  return line.charAt(name.length) === ':' || (isColonOptional && line.length === name.length);
}

// Leading white space, a list marker, markdown emphasis, lower case, a full stop: what models do to a keyword. Each expression is
// linear: together in one they took milliseconds for a line of underscores, and an agent may write a million of them.
const BEFORE_WORD = /^[\s>*_`#-]+/;
const WORD = /^[A-Za-z_ ]*/;
const AFTER_WORD = /[_ ]+$/;
const COLON = /^[*`\s]*:/;
const NOTHING_MORE = /^[.!*_`\s]*$/;

function findResemblance(keywords: readonly Keyword[], line: string): KeywordName | undefined {
  const text = line.slice(0, MAX_NEAR_MISS).replace(BEFORE_WORD, '');
  const [found = ''] = WORD.exec(text) ?? [];
  const word = found.replace(AFTER_WORD, '').toUpperCase().replaceAll(' ', '_');
  const keyword = keywords.find(({ name }) => name === word);
  if (keyword === undefined) return undefined;
  const rest = text.slice(found.length);
  return COLON.test(rest) || (keyword.isColonOptional && NOTHING_MORE.test(rest)) ? keyword.name : undefined;
}
