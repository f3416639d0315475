import { readBlocks } from '../read-blocks.ts';

/** What a reader has and a README names by a word of its own. */
export type StandIns = readonly (readonly [word: RegExp, standIn: string | (() => Promise<string>)])[];

/** Options of `walkReadme`. */
export interface WalkReadmeOptions {
  readonly standIns: StandIns;
  /** Writes a file that the README shows under a name. */
  readonly write: (name: string, text: string) => Promise<void>;
  /** Runs a block in a shell that ends at the first command that fails. */
  readonly run: (script: string) => Promise<unknown>;
}

/** Follows a README as a reader would, from its first block to its last, in one terminal. Returns how many blocks were run. */
export async function walkReadme(readme: string, { run, standIns, write }: WalkReadmeOptions): Promise<number> {
  let exported = '';
  let count = 0;
  for (const { language, line, name, notRun, text } of readBlocks(readme)) {
    const isScript = language === 'sh' && notRun === undefined;
    if (!isScript && name === undefined) continue;
    const script = await fillIn(text, standIns);
    try {
      if (name !== undefined) {
        await write(name, script);
        continue;
      }
      await run(`${exported}${script}`);
    } catch (error) {
      throw new Error(`The block at line ${line} does not work:\n${script}`, { cause: error });
    }
    exported += script.replaceAll(/^(?!export ).*\n/gm, '');
    count += 1;
  }
  return count;
}

async function fillIn(text: string, standIns: StandIns): Promise<string> {
  let filled = text;
  for (const [word, standIn] of standIns) {
    if (word.test(filled)) filled = filled.replace(word, typeof standIn === 'string' ? standIn : await standIn());
  }
  return filled;
}
