/** The message that sends an agent to work: everything else stands in AGENTS.md. */
export const KICK_OFF_PROMPT: string =
  'Read the file AGENTS.md in your working directory and do what its Task section asks. Keep the log it describes.';

/** The message that sends an agent back to work after a resume. */
export const RESUME_PROMPT: string =
  'You were paused, saved and brought back, perhaps on another machine. Read AGENTS.md and resume.log again, check what you rely on, and go on with the task. The log you keep is empty again.';
