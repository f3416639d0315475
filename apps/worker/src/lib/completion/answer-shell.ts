import { COMMANDS, GROUPS } from '../command-line/commands.ts';
import type { CommandContext } from '../commands/context.ts';
import { printableLine } from '../printable.ts';
import { complete, startingWith } from './complete.ts';

/** Answers a shell that asks what may come next, line by line. Whatever goes wrong: it offers less. */
export async function answerShell(
  words: readonly string[],
  contextOf: () => Promise<Pick<CommandContext, 'config' | 'places'>>,
): Promise<string> {
  const { candidates, lookUp: kind } = complete(words, { commands: COMMANDS, groups: GROUPS });
  const lines = candidates.map(({ summary, word }) => `${word}\t${printableLine(summary, 80)}\n`);
  if (kind === 'file' || kind === 'directory') return [...lines, ':file\n'].join('');
  if (kind === undefined) return lines.join('');
  try {
    const { lookUp } = await import('./look-up.ts');
    const found = startingWith(words.at(-1) ?? '', (await lookUp(kind, await contextOf())) ?? []);
    return [...lines, ...found.map(({ summary, word }) => `${word}\t${printableLine(summary, 80)}\n`)].join('');
  } catch {
    // A store that cannot be reached is no reason to write into somebody's command line.
    return lines.join('');
  }
}
