/** `*` stands for any run of characters and `?` for one; all else is literal. Linear: no pattern makes it slow. */
export function matchesPattern(pattern: string, text: string): boolean {
  let [at, position, star, starPosition] = [0, 0, -1, 0];
  while (position < text.length) {
    if (pattern[at] === '*') {
      star = at;
      at += 1;
      starPosition = position;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[position])) {
      at += 1;
      position += 1;
    } else if (star !== -1) {
      at = star + 1;
      starPosition += 1;
      position = starPosition;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

/** OpenSSH's lists: one pattern has to match, and none of those that begin with `!`. */
export function matchesPatternList(patterns: readonly string[], text: string): boolean {
  let isMatch = false;
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) {
      // One negated match and the list does not speak of this text, whatever else it says.
      if (matchesPattern(pattern.slice(1), text)) return false;
    } else if (matchesPattern(pattern, text)) isMatch = true;
  }
  return isMatch;
}
