/** Options of `formatResumeLogLine`. */
export interface ResumeLogLine {
  /** When the session started. */
  readonly at: Date;
  /** Files in the workdir that were renewed before this start. @default none */
  readonly refreshed?: readonly string[];
}

/** One line of `resume.log`, with its newline: `2026-03-02T17:05:12Z REFRESHED:AGENTS.md`. */
export function formatResumeLogLine({ at, refreshed = [] }: ResumeLogLine): string {
  const odd = refreshed.find((name) => name === '' || /[\s,]/.test(name));
  if (odd !== undefined) {
    throw new TypeError(`A refreshed file's name cannot be written to resume.log: ${JSON.stringify(odd)}`);
  }
  const time = `${at.toISOString().slice(0, 19)}Z`;
  return refreshed.length === 0 ? `${time}\n` : `${time} REFRESHED:${refreshed.join(',')}\n`;
}
