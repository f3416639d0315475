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
   * Reads one line of the log, with or without its line end. Never throws. The texts in the result hold no control characters;
   * they are otherwise what the agent wrote, and to be treated as such.
   */
  parseLine(line: string, options?: ParseLineOptions): LogEntry;
}

const LEADING_SPACE = new RegExp(`^${SPACE}+`);

const MODES: readonly string[] = ['ignore', 'suppress', 'redirect'] satisfies BrowserMode[];

/** Creates the protocol of one browser mode. An unknown mode is a `TypeError`. */
export function createLogProtocol(options: CreateLogProtocolOptions = {}): LogProtocol {
  const browser = options.browser ?? 'ignore';
  if (!MODES.includes(browser)) {
    throw new TypeError(`Unknown browser mode ${JSON.stringify(browser)}: use ${MODES.join(', ')}`);
  }
  const keywords = KEYWORDS.filter(({ modes }) => modes.includes(browser));
  return Object.freeze({
    browser,
    documentation: composeDocumentation(browser),
    parseLine: (line: string, { isTruncated = false }: ParseLineOptions = {}) =>
      parse(keywords, cleanLine(line), isTruncated || line.length > MAX_LINE_LENGTH),
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

// Leading white space, a list marker, markdown emphasis, lower case, a full stop: what models do to a keyword.
const NEAR_MISS = /^[\s>*_`#-]*([A-Za-z_ ]+?)[*_`]*\s*(:|[.!*_`]*$)/;

function findResemblance(keywords: readonly Keyword[], line: string): KeywordName | undefined {
  const found = NEAR_MISS.exec(line.slice(0, 80));
  const word = found?.[1]?.toUpperCase().replaceAll(' ', '_');
  const keyword = keywords.find(({ name }) => name === word);
  if (keyword === undefined) return undefined;
  return found?.[2] === ':' || keyword.isColonOptional ? keyword.name : undefined;
}
