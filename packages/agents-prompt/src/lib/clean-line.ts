/** Characters of a line that are looked at. What comes after is dropped, and the line counts as cut. */
export const MAX_LINE_LENGTH = 65_536;

// Terminal sequences: CSI (colours, cursor), the strings OSC (titles, links), DCS, SOS, PM and APC up to their terminator, and the
// escapes of two or more characters (`tput sgr0` begins with ESC ( B).
const TERMINAL_SEQUENCES =
  // oxlint-disable-next-line no-control-regex -- removing control characters is the purpose
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-Z\\-~])?/g;

// Control characters that Python's `str.isspace` counts as white space, and the two Unicode line ends.
// oxlint-disable-next-line no-control-regex -- as above
const SPACING_CONTROLS = /[\n\u000b\f\r\u001c-\u001f\u0085\u2028\u2029]/g;

// oxlint-disable-next-line no-control-regex -- as above
const OTHER_CONTROLS = /[\u0000-\u0008\u000e-\u001b\u007f-\u009f]/g;

/**
 * White space as the original's regular expressions understand it, once `cleanLine` has run. JavaScript's `\s` differs from
 * Python's: it counts U+FEFF and misses U+001C to U+001F and U+0085.
 */
export const SPACE = '[ \\t\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000]';

const TRAILING_SPACE = new RegExp(`${SPACE}+$`);

/**
 * A line of the log, made safe to show and to parse: no control characters, no terminal sequences, no lone surrogates, nothing
 * at the end but text. The NULs that a truncation leaves before a writer's next line (a hole in the file) and a byte order
 * mark at the start would hide a keyword, so they go as well.
 */
export function cleanLine(line: string): string {
  const cleaned = line
    .slice(0, MAX_LINE_LENGTH)
    .replace(TERMINAL_SEQUENCES, '')
    .replace(SPACING_CONTROLS, ' ')
    .replace(OTHER_CONTROLS, '')
    .replace(/^\ufeff+/, '')
    .toWellFormed();
  return trimEnd(cleaned);
}

// A regular expression anchored at the end only is quadratic on a long run of spaces in the middle. Line ends are spaces by now.
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && TRAILING_SPACE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
