import { cleanLine } from './clean-line.ts';
import type { KeywordName } from './log-entry.ts';
import { DELIVERABLES_DIRECTORY, LOG_FILE } from './workdir-files.ts';

/** What the harness says to an agent about one of its deliverables. */
export interface DeliverableAnswer {
  /** As the agent logged it. */
  readonly path: string;
  /** Why it was refused; `undefined` when it was accepted. */
  readonly reason: string | undefined;
}

/** Options of `composeDeliverableMessage`. */
export interface DeliverableMessageOptions {
  /** How many more there were that are not named. @default 0 */
  readonly unnamed?: number;
}

/** So much of a path is repeated: the agent knows which it wrote, and pays for each word. */
const MAX_PATH = 200;

/** The message that answers one or more deliverables. */
export function composeDeliverableMessage(
  answers: readonly DeliverableAnswer[],
  { unnamed = 0 }: DeliverableMessageOptions = {},
): string {
  const lines = answers.map(({ path, reason }) =>
    reason === undefined ? `Deliverable accepted: ${clip(path)}` : `Deliverable refused: ${clip(path)} (${reason})`,
  );
  if (unnamed > 0) lines.push(`And ${unnamed} more that are not named here.`);
  const hint = answers.some(({ reason }) => reason !== undefined)
    ? [`Files must be regular files under ./${DELIVERABLES_DIRECTORY}/. Put it right and log the line again.`]
    : [];
  return ['System:', ...lines, ...hint].join('\n');
}

function clip(path: string): string {
  const line = cleanLine(path);
  // Not between the halves of a character.
  return line.length <= MAX_PATH ? line : `${line.slice(0, MAX_PATH).toWellFormed()}…`;
}

/** Options of `composeIdleReminder`. */
export interface IdleReminderOptions {
  /** A keyword that a line of the log nearly was. @default none */
  readonly resembles?: KeywordName | undefined;
  /** What the model's provider said when the last turn failed. @default the turn did not fail */
  readonly failure?: string | undefined;
}

/** The message to an agent that stopped working without a DONE or ERROR. */
export function composeIdleReminder({ resembles, failure }: IdleReminderOptions = {}): string {
  return [
    failure === undefined
      ? 'System: you have stopped, but the log holds neither DONE nor ERROR, so the session is still open.'
      : 'System: your last turn was cut off by an error of the model. The session is still open.',
    'If work is left, go on with it. If you need the human, append an ATTENTION entry. If you are finished, append DONE to ' +
      `./${LOG_FILE}; if you cannot finish, append ERROR with the reason.`,
    ...(resembles === undefined
      ? []
      : [`One line looks like ${resembles} but is not: a keyword starts in the first column, in capital letters.`]),
    `Every entry ends with a newline; \`tail -c 1 ./${LOG_FILE}\` shows whether the last one does.`,
  ].join(' ');
}
