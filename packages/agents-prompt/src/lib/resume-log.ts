/** Options of `formatResumeLogLine`. */
export interface ResumeLogLine {
  /** When the session started. */
  readonly at: Date;
  /** Files in the workdir that were renewed before this start. @default none */
  readonly refreshed?: readonly string[];
}

/** One line of `resume.log`, with its newline: `2026-03-02T17:05:12Z REFRESHED:AGENTS.md`. */
export function formatResumeLogLine({ at, refreshed = [] }: ResumeLogLine): string {
  if (!(at instanceof Date) || Number.isNaN(at.getTime()))
    throw new TypeError('The time of a line in resume.log must be a valid Date');
  const odd = refreshed.find((name) => name === '' || /[\s,\p{Cc}]/u.test(name));
  if (odd !== undefined) {
    throw new TypeError(
      `A refreshed file's name cannot be written to resume.log: ${JSON.stringify(odd)} is empty, or holds a space, a comma or a control character`,
    );
  }
  const time = `${at.toISOString().slice(0, 19)}Z`;
  return refreshed.length === 0 ? `${time}\n` : `${time} REFRESHED:${refreshed.join(',')}\n`;
}
