import type { TaskDefinition } from '../task.ts';

/** Takes secrets out of text that is kept or sent somewhere. */
export interface Redactor {
  /** From now on these are taken out, wherever they stand. */
  add(secrets: Iterable<string>): void;
  /** The text without them. */
  redact(text: string): string;
}

/** What is shorter is too likely to be a part of something else. */
const MIN_LENGTH = 6;
/** The same for a line of a secret that has several, such as a private key. */
const MIN_LINE_LENGTH = 16;

/** Knows no secrets at first, but the shape of some: passwords in URLs. */
export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  let longestFirst: readonly string[] = [];
  return {
    add(added) {
      for (const secret of added) {
        const lines = secret.split(/\r?\n/).map((line) => line.trim());
        // Whoever prints it line by line prints it all the same.
        const long = lines.length > 1 ? lines.filter((line) => line.length >= MIN_LINE_LENGTH) : [];
        for (const text of [secret.trim(), ...long]) {
          if (text.length < MIN_LENGTH) continue;
          secrets.add(text);
          // As it stands in JSON, and in a URL.
          secrets.add(JSON.stringify(text).slice(1, -1));
          secrets.add(encodeURIComponent(text));
        }
      }
      // One may be the beginning of another, whose rest would stay.
      longestFirst = [...secrets].toSorted((a, b) => b.length - a.length);
    },
    redact(text) {
      let clean = text.replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/[^/\s:@"]*:)[^@\s/"]+@/gi, '$1[redacted]@');
      for (const secret of longestFirst) clean = clean.replaceAll(secret, '[redacted]');
      return clean;
    },
  };
}

/** The keys and variables of a task that came by reference, or may hold a secret. */
export function secretsOf(task: Partial<Pick<TaskDefinition, 'env' | 'login'>>): readonly string[] {
  return [...Object.values(task.login ?? {}).map(({ key }) => key), ...Object.values(task.env ?? {})];
}
