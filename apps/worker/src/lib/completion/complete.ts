import type { CommandSpec, Completion, GroupSpec, OptionSpec } from '../command-line/command-spec.ts';

/** One thing that the shell may offer. */
export interface Candidate {
  readonly word: string;
  readonly summary: string;
}

/** What may come next: words that are known, and a kind of thing that has to be looked up. */
export interface Completions {
  readonly candidates: readonly Candidate[];
  readonly lookUp: Completion | undefined;
}

/** The list of commands, as completion needs it. */
export interface CommandList {
  readonly commands: readonly CommandSpec[];
  readonly groups: readonly GroupSpec[];
}

/** What may stand in the place of the last of the words, which come after `optio`. Pure. */
export function complete(words: readonly string[], list: CommandList): Completions {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const place = placeOf(before, list);
  if (place.option !== undefined) return valueOf(place.option, current);
  if (place.command === undefined) {
    return { candidates: startingWith(current, nextWords(place.path, list)), lookUp: undefined };
  }
  const options = (place.command.options ?? []).filter(({ isHidden }) => isHidden !== true);
  if (current.startsWith('-')) {
    const flags = options.map((option) => ({ word: longFlag(option), summary: option.summary }));
    return { candidates: startingWith(current, [...flags, HELP]), lookUp: undefined };
  }
  const known = place.command.arguments ?? [];
  const last = known.at(-1);
  const argument = known[place.argumentCount] ?? (last?.name.includes('...') === true ? last : undefined);
  return { candidates: [], lookUp: argument?.completes };
}

const HELP: Candidate = { word: '--help', summary: 'display help for command' };

interface Place {
  readonly path: string;
  readonly command: CommandSpec | undefined;
  /** An option that waits for its value. */
  readonly option: OptionSpec | undefined;
  readonly argumentCount: number;
}

function placeOf(words: readonly string[], { commands }: CommandList): Place {
  let path = '';
  let command: CommandSpec | undefined;
  let option: OptionSpec | undefined;
  let argumentCount = 0;
  for (const word of words) {
    if (option !== undefined) option = undefined;
    else if (word.startsWith('-')) {
      const found = command?.options?.find(({ flags }) => flags.split(/[ ,]+/).includes(word));
      option = found !== undefined && /[<[]/.test(found.flags) ? found : undefined;
    } else if (command !== undefined) argumentCount += 1;
    else {
      path = path === '' ? word : `${path} ${word}`;
      command = commands.find((spec) => spec.path === path);
    }
  }
  return { path, command, option, argumentCount };
}

function valueOf({ choices, completes }: OptionSpec, current: string): Completions {
  const words = (choices ?? []).map((word) => ({ word, summary: '' }));
  return { candidates: startingWith(current, words), lookUp: completes };
}

function nextWords(path: string, { commands, groups }: CommandList): readonly Candidate[] {
  const prefix = path === '' ? '' : `${path} `;
  const found = new Map<string, string>();
  for (const { isHidden, path: full, summary } of commands) {
    if (isHidden === true || !full.startsWith(prefix)) continue;
    const [word = '', ...rest] = full.slice(prefix.length).split(' ');
    const group = groups.find((candidate) => candidate.path === `${prefix}${word}`);
    found.set(word, rest.length > 0 ? (group?.summary ?? '') : summary);
  }
  return Array.from(found, ([word, summary]) => ({ word, summary }));
}

/** Narrows candidates to those that begin with what is typed. */
export function startingWith(current: string, candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({ word }) => word.startsWith(current));
}

function longFlag({ flags }: OptionSpec): string {
  return /--[a-z-]+/.exec(flags)?.[0] ?? flags;
}
