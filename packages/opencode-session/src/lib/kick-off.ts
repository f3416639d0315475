/** The message that sends an agent to work: everything else stands in AGENTS.md. */
export const KICK_OFF_PROMPT: string =
  'Read the file AGENTS.md in your working directory and do what its Task section asks. Keep the log it describes.';
