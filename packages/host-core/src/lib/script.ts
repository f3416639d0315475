import type { Command } from './host.ts';

/**
 * Makes the command that runs a constant POSIX script. What varies goes into `parameters` and is read as `"$1"`, `"$2"`…;
 * the text itself must never be put together from values.
 */
export function shellScript(text: string, ...parameters: string[]): Command {
  return ['sh', '-c', text, 'sh', ...parameters];
}

/** Quotes a word for a POSIX shell, so that the shell reads exactly these characters. */
export function shellQuote(word: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Writes a command as one line of POSIX shell. The only place where an argv becomes text. */
export function shellJoin(command: Command): string {
  return command.map((word, index) => quoteAt(word, index)).join(' ');
}

// `A=1 b` is an assignment, and `if` or `time` are reserved words, but only while they stand unquoted in first place.
function quoteAt(word: string, index: number): string {
  return index === 0 && !word.includes('/') ? `'${word.replaceAll("'", "'\\''")}'` : shellQuote(word);
}
