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

/** Knows no secrets at first, but the shape of some: passwords in URLs. */
export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  return {
    add(added) {
      for (const secret of added) {
        if (secret.length < MIN_LENGTH) continue;
        secrets.add(secret);
        // As it stands in JSON, and in a URL.
        secrets.add(JSON.stringify(secret).slice(1, -1));
        secrets.add(encodeURIComponent(secret));
      }
    },
    redact(text) {
      let clean = text.replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/[^/\s:@"]*:)[^@\s/"]+@/gi, '$1[redacted]@');
      for (const secret of secrets) clean = clean.replaceAll(secret, '[redacted]');
      return clean;
    },
  };
}

/** The keys and variables of a task that came by reference, or may hold a secret. */
export function secretsOf(task: Pick<TaskDefinition, 'env' | 'login'>): readonly string[] {
  return [...Object.values(task.login ?? {}).map(({ key }) => key), ...Object.values(task.env ?? {})];
}
