import { KEYWORDS } from './keywords.ts';
import type { BrowserMode } from './log-entry.ts';
import { DELIVERABLES_DIRECTORY, LOG_FILE } from './workdir-files.ts';

/**
 * The text that teaches an agent the log. It names no program but the harness: a model takes a product's name for a project it
 * should look up.
 */
export function composeDocumentation(browser: BrowserMode): string {
  const keywords = KEYWORDS.filter(({ modes }) => modes.includes(browser));
  const names = keywords.map(({ name }) => `\`${name}\``);
  const sections = keywords.map(
    ({ form, meaning, examples }) =>
      `### \`${form}\`\n\n${meaning}\n\n\`\`\`log\n${examples.map(({ line }) => line).join('\n')}\n\`\`\``,
  );
  return [
    '## Log channel',
    `You report to the host harness by appending to the file \`./${LOG_FILE}\` in the directory you were started in. It is read ` +
      'while you work. One entry is one line; it starts in the first column with a keyword in capital letters, one of ' +
      `${names.join(', ')}. A line that starts in any other way is passed on as a note. Append, and leave what is there alone:`,
    `\`\`\`sh\nprintf '%s\\n' 'STATUS: 10% reading the source' >> ./${LOG_FILE}\n\`\`\``,
    'Every entry must end with a newline, the last one too: the file is read line by line, and an entry without its newline may ' +
      `not be seen. To check, run \`tail -c 1 ./${LOG_FILE}\`: it must print nothing but an empty line.`,
    ...sections,
    'The session ends with the first `DONE` or `ERROR`. You are stopped then, and nothing that you write afterwards is read: ' +
      'make it the very last thing you do, when every deliverable has been logged.',
    ...(browser === 'suppress'
      ? [
          'It is impossible to launch a browser here, and no human sits at this machine. Do not try `xdg-open`, `open`, ' +
            '`sensible-browser` or anything of that kind: they do nothing. When somebody has to visit a page, write its address ' +
            'into an `ATTENTION` entry and into the conversation.',
        ]
      : []),
    '## Deliverables',
    `What you produce for the human goes into files under \`./${DELIVERABLES_DIRECTORY}/\`, text or binary, in subdirectories if ` +
      'you like. Write the `DELIVERABLE` entry only when the file is final, since it is fetched as soon as the entry is read. If ' +
      'you change the file later, log it again. A path outside that directory, a link that leads out of it, or something that ' +
      'is not a regular file is refused; you may be told so in a message, and can then put it right and log it again.',
  ].join('\n\n');
}
