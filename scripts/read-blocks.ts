/** A block of code in a README. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** Of its first line, from 1. */
  readonly line: number;
  /** The file that it shows: the paragraph before it begins with the name and ends with a colon. */
  readonly name: string | undefined;
  /** Why it is not run, where a comment `<!-- not run: … -->` before it says so. */
  readonly notRun: string | undefined;
}

/** Finds the blocks of code of a README, in their order. */
export function readBlocks(readme: string): readonly Block[] {
  return [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map((match) => {
    const [, language = '', text = ''] = match;
    const before = readme.slice(0, match.index).trimEnd();
    const paragraph = before.slice(before.lastIndexOf('\n\n') + 1).trim();
    return {
      language,
      text,
      line: readme.slice(0, match.index).split('\n').length + 1,
      name: /^`([^`\s]+\.\w+)`.*:$/s.exec(paragraph)?.[1],
      notRun: /^<!-- not run: (.*) -->$/.exec(paragraph)?.[1],
    };
  });
}
