const REDACTED = '[redacted]';

/** Names of settings, headers and variables whose value is nobody's business. */
const SECRET_NAME = /api_?-?key|token|secret|passw|authorization|credential|cookie|private_?-?key/i;

/** A name and its value as settings, variables and JSON write them, also inside of a JSON string. */
const NAMED_VALUE =
  /((?:api_?-?key|token|secret|password|authorization|cookie)\\?["']?\s*[:=]\s*)(\\".*?\\"|"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"',}\\]+)/gi;

/** Values shorter than this are not looked for in texts: they would match by chance. */
const MINIMUM_LENGTH = 6;

/** All strings of a configuration or an environment that stand under a telling name. */
export function secretsOf(value: unknown): string[] {
  const secrets: string[] = [];
  collect(value, false, secrets);
  return secrets;
}

function collect(value: unknown, isSecret: boolean, secrets: string[]): void {
  if (typeof value === 'string') {
    if (isSecret && value.length >= MINIMUM_LENGTH) secrets.push(value);
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, isSecret, secrets);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) collect(item, isSecret || SECRET_NAME.test(name), secrets);
  }
}

/**
 * Takes secrets out of what opencode printed or answered. For a broken configuration it repeats the whole file, keys and all,
 * which may come from a seed that we never saw: that part is dropped, and what looks like a secret is covered besides.
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  let result = withoutRepeatedInput(text);
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    if (secret.length >= MINIMUM_LENGTH) result = result.replaceAll(secret, REDACTED);
  }
  return (
    result
      // Schemes before names: in "authorization: Bearer abc" the value is what comes last.
      .replaceAll(/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, REDACTED)
      .replaceAll(NAMED_VALUE, (_match, name: string, quoted: string) => {
        const quote = /^\\?["']/.exec(quoted)?.[0] ?? '';
        return `${name}${quote}${REDACTED}${quote}`;
      })
      .replaceAll(/\b(?:sk|pk|ghp|gho|glpat|xox[abp])[-_][\w-]{8,}/g, REDACTED)
      .replaceAll(/(:\/\/[^\s/:@]+:)[^\s/@]+@/g, `$1${REDACTED}@`)
      // "Expected a string, got …": the value in the wrong place may be a key.
      .replaceAll(/(Expected [^\n]*?), got (?:\\".*?\\"|"(?:[^"\\]|\\.)*"|[{[][^\n]*?(?=\s[\w.]+$|$)|[^\s"]+)/gm, '$1')
  );
}

function withoutRepeatedInput(text: string): string {
  // Both as printed and inside of a JSON answer, where line ends are written as \n.
  return text
    .replaceAll(/--- JSONC Input ---.*?(--- Errors ---|$)/gs, '$1')
    .replaceAll(/(?:\n|\\n)\s*Line \d+: .*?(?:\n|\\n)\s*\^/g, '')
    .replaceAll(/\n\s*Line \d+: [^\n]*/g, '');
}
