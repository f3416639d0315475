/** What an archive leaves out unless it is told otherwise: what can be made again, and what is not the agent's work. */
export const DEFAULT_EXCLUDES: readonly string[] = [
  '.git',
  'node_modules',
  '__pycache__',
  '.venv',
  '*.pyc',
  '.DS_Store',
];

/** Tells whether a path, relative and without `.` and `..`, is left out. */
export type ExcludeMatcher = (path: string, isDirectory: boolean) => boolean;

/**
 * Makes the one matcher that is used for all hosts. A pattern (`*` any characters, also `/`; `?` one; `[a-z]`, `[!a-z]`) is
 * held against the whole path and against each of its segments; what lies below a directory that matches is left out too. A
 * pattern that ends with `/` matches directories only.
 */
export function createExcludeMatcher(patterns: readonly string[]): ExcludeMatcher {
  const any = toPredicate(patterns.filter((pattern) => !pattern.endsWith('/')));
  const directories = toPredicate(
    patterns.filter((pattern) => pattern.endsWith('/')).map((pattern) => pattern.replace(/\/+$/, '')),
  );
  // Members come directory by directory: the last answer for a parent is mostly the next one's too.
  let lastParent = '';
  let lastAnswer = false;

  const isExcluded = (path: string, isDirectory: boolean): boolean => {
    const slash = path.lastIndexOf('/');
    if (slash !== -1) {
      const parent = path.slice(0, slash);
      const answer = parent === lastParent ? lastAnswer : isExcluded(parent, true);
      lastParent = parent;
      lastAnswer = answer;
      if (answer) return true;
    }
    const name = path.slice(slash + 1);
    if (any(name) || (slash !== -1 && any(path))) return true;
    return isDirectory && (directories(name) || (slash !== -1 && directories(path)));
  };
  return isExcluded;
}

/**
 * The patterns that a host's tar can be trusted with, so that what is left out need not travel: names without `/` and with
 * at most one `*`, at either end. GNU, busybox and BSD tar leave out no more than the matcher does for these.
 */
export function hostExcludes(patterns: readonly string[]): string[] {
  return patterns.filter(
    (pattern) => /^\*?[A-Za-z0-9._@+-]+$|^[A-Za-z0-9._@+-]+\*$/.test(pattern) && !/^\.+$/.test(pattern),
  );
}

function toPredicate(patterns: readonly string[]): (text: string) => boolean {
  const literals = new Set(patterns.filter((pattern) => !/[*?[]/.test(pattern)));
  const globs = patterns.filter((pattern) => /[*?[]/.test(pattern)).map(toRegExp);
  return (text) => literals.has(text) || globs.some((glob) => glob.test(text));
}

function toRegExp(pattern: string): RegExp {
  const source = pattern.replace(/\*+|\?|\[[!^]?\]?[^\]]*\]|[^]/gu, (token) => {
    if (token.startsWith('*')) return '.*';
    if (token === '?') return '.';
    if (token.length > 1 && token.startsWith('[')) return toCharacterClass(token.slice(1, -1));
    return token.replace(/[\\^$.*+?()[\]{}|/-]/u, '\\$&');
  });
  return new RegExp(`^${source}$`, 'su');
}

function toCharacterClass(inner: string): string {
  const isNegated = inner.startsWith('!');
  const characters = (isNegated ? inner.slice(1) : inner).replaceAll(/[\\^[\]]/gu, '\\$&');
  try {
    const source = `[${isNegated ? '^' : ''}${characters}]`;
    // A range that runs backwards is no range of anything.
    return new RegExp(source, 'u').source;
  } catch {
    return '[^\\s\\S]';
  }
}
