import { stripVTControlCharacters } from 'node:util';

// What changes a terminal or the order of what it shows: C0 without tab and newline, DEL, C1, line and paragraph separators,
// and the marks that turn or embed the direction of text.
const HARMFUL = String.raw`\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069`;
const HARMFUL_CHARACTERS = new RegExp(`[${HARMFUL}]`, 'g');
const ESCAPED_IN_JSON = /[\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text of many lines that an agent wrote, safe to print to a terminal: escape sequences and control characters are taken out. */
export function printableText(text: string): string {
  return stripVTControlCharacters(text.replaceAll('\r\n', '\n')).replaceAll(HARMFUL_CHARACTERS, '').toWellFormed();
}

/**
 * One line of text that an agent wrote, safe to print to a terminal and no longer than `maxLength` characters.
 * What was several lines becomes one.
 */
export function printableLine(text: string, maxLength = 400): string {
  // An agent may write megabytes into one line; nothing of what is cut off below needs to be looked at.
  const line = printableText(text.slice(0, maxLength * 8))
    .replaceAll(/\s+/g, ' ')
    .trim();
  return truncate(line, maxLength);
}

/** At most `maxLength` characters (code points), the last one an ellipsis when something was cut off. */
export function truncate(text: string, maxLength: number): string {
  const characters = Array.from(text);
  return characters.length <= maxLength ? text : `${characters.slice(0, Math.max(0, maxLength - 1)).join('')}…`;
}

/** JSON on one line with the same value for every reader, and inert when it is shown by a terminal. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    ESCAPED_IN_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
