import type { LogProtocol } from './log-protocol.ts';
import { LOG_FILE, RESUME_LOG_FILE } from './workdir-files.ts';

/** What an agent is told about being saved and brought back. */
export interface ResumeSection {
  /** The patterns that are really left out when the workdir is saved; an empty list means that all of it is kept. */
  readonly excludes: readonly string[];
}

/** Options of `composeAgentsMd`. */
export interface ComposeAgentsMdOptions {
  /** Its documentation becomes part of the text. */
  readonly protocol: Pick<LogProtocol, 'documentation'>;
  /** The task in the caller's words; kept as it is, but for white space at its end. */
  readonly task: string;
  /** `false` leaves the section on resumes out. Not optional: an agent must not be told less, or other, than what is done. */
  readonly resume: false | ResumeSection;
}

/** Composes the AGENTS.md of a session: the protocol, how a resume shows, and the task at the very end. */
export function composeAgentsMd(options: ComposeAgentsMdOptions): string {
  const { protocol, task, resume } = options;
  if (typeof protocol?.documentation !== 'string') {
    throw new TypeError('composeAgentsMd needs `protocol`: what createLogProtocol makes');
  }
  if (typeof task !== 'string') throw new TypeError('composeAgentsMd needs `task`: the text that the agent is given');
  if (resume !== false && !Array.isArray(resume?.excludes)) {
    throw new TypeError('composeAgentsMd needs `resume`: false, or the excludes that are in effect');
  }
  return `${[
    '# Coordination with the host harness',
    'You work inside a harness on the host. It started you, it shows your progress to a human, and it collects your results. ' +
      'What it knows of your work is what you tell it in the way described here, so keep to it exactly.',
    protocol.documentation,
    ...(resume === false ? [] : [composeResumeSection(resume)]),
    '## Task',
    'Tell what you are doing as you go. You may ask questions and dialogue with the human, who follows the conversation and ' +
      'wants the same result as you do. This is the task:',
    ...(task.trim() === '' ? [] : [task.trimEnd()]),
  ].join('\n\n')}\n`;
}

function composeResumeSection({ excludes }: ResumeSection): string {
  const kept =
    excludes.length === 0
      ? 'No paths are excluded: all of the directory comes back.'
      : `Not kept is whatever matches one of these patterns: ${excludes.map(inlineCode).join(', ')}. Large data that can be ` +
        'made or fetched again belongs inside an excluded subdirectory, so that saving stays fast; what you cannot make again ' +
        'must not be there.';
  return [
    '## Resumes',
    'This session may be paused, saved, ended and later brought back, perhaps on another machine, at any moment and without ' +
      'your noticing: the conversation simply goes on. Meanwhile the world outside may have changed. Processes you started are ' +
      'gone, and so is every file outside the directory you were started in. That directory is preserved. ' +
      kept,
    `### \`${RESUME_LOG_FILE}\``,
    `The file \`./${RESUME_LOG_FILE}\` gets one line at each start of the session, the first one when it was originally ` +
      'launched: a time in UTC, and sometimes a list of files that were renewed:',
    '```text\n2026-03-01T09:30:00Z\n2026-03-02T17:05:12Z REFRESHED:AGENTS.md\n```',
    'Read it at the beginning of every new message of the human and compare its last line with the last one you remember. A ' +
      'new line means that you were brought back: check again the tools, processes and files you rely on, read again each file ' +
      `listed after \`REFRESHED:\`, then go on with the task. \`./${LOG_FILE}\` is empty again then, and that is fine. Tool calls ` +
      'that fail for no reason are a hint to look into it as well.',
  ].join('\n\n');
}

/** A code span for any text: its fence is longer than every run of backticks inside. */
function inlineCode(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `${fence}${line}${fence}` : `${fence} ${line} ${fence}`;
}
