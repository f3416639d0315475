import { configFailed } from './config-errors.ts';

/** A line of an ssh_config file that says something. */
export interface ConfigLine {
  /** `path:number`, for messages. */
  readonly where: string;
  /** In lower case. */
  readonly keyword: string;
  /** Unquoted. */
  readonly args: readonly string[];
  /** All that follows the keyword, as it was written: some keywords take a whole line. */
  readonly rest: string;
}

/** Splits the text of an ssh_config file as OpenSSH does. Throws `CONFIG_FAILED` for a line that OpenSSH would refuse. */
export function parseConfig(text: string, path: string): readonly ConfigLine[] {
  if (text.includes('\0')) throw configFailed(`${path} holds a NUL and is no ssh_config file`);
  return text.split('\n').flatMap((line, index) => {
    const where = `${path}:${index + 1}`;
    // One `=` may stand in the place of the white space, with some around it.
    const match = /^\s*(?:"(?<quoted>[^"]*)"|(?<plain>[^\s="#][^\s="]*))[ \t]*=?[ \t]*(?<rest>.*)$/s.exec(
      line.trimEnd(),
    );
    if (match?.groups === undefined) {
      if (/^\s*(?:#|$)/.test(line)) return [];
      throw configFailed(`${where} is no line of an ssh_config file`);
    }
    const keyword = (match.groups['quoted'] ?? match.groups['plain'] ?? '').toLowerCase();
    const rest = match.groups['rest'] ?? '';
    const args = splitArguments(rest);
    if (args === undefined) throw configFailed(`${where}: a quote of ${keyword} is not closed`);
    if (args.length === 0) throw configFailed(`${where}: ${keyword} needs a value`);
    return [{ where, keyword, args, rest }];
  });
}

/**
 * Words with white space between them. Quotes of both kinds keep white space and may begin anywhere; a backslash takes the
 * meaning of a quote, of itself and, outside of quotes, of a space; `#` at the start of a word ends the line. `undefined` for a
 * quote that is not closed.
 */
function splitArguments(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    const next = text.charAt(at + 1);
    if (character === '\\' && next !== '' && (`'"\\`.includes(next) || (quote === undefined && next === ' '))) {
      word = (word ?? '') + next;
      at += 1;
    } else if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word = (word ?? '') + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (character === ' ' || character === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === '#' && word === undefined) break;
    else word = (word ?? '') + character;
  }
  if (quote !== undefined) return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
