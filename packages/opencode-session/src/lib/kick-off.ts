/** The message that sends an agent to work: everything else stands in AGENTS.md. */
const KICK_OFF_PROMPT =
  'Read the file AGENTS.md in your working directory and do what its Task section asks. Keep the log it describes.';

/** The message that sends an agent back to work after a resume. */
const RESUME_PROMPT =
  'You were paused, saved and brought back, perhaps on another machine. Read AGENTS.md and resume.log again, check what you rely on, and go on with the task. The log you keep is empty again.';

/** What sends an agent to work, with what else it is to be told. */
export function sendOffPrompt(start: 'fresh' | 'resumed', message: string | undefined): string {
  const words = start === 'fresh' ? KICK_OFF_PROMPT : RESUME_PROMPT;
  return message === undefined ? words : `${words}\n\nThis is new, and comes from whom you work for:\n\n${message}`;
}
