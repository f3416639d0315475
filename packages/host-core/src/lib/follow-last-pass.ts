import type { Found } from './follower.ts';

/** Decides when the rest of a file has been read. */
export interface LastPass {
  /** Whether this look is the last one. `isWhole`: the file is still the one that was read. */
  endsWith(found: Found, isWhole: boolean): boolean;
}

/** Looks at something that never stops growing, once all is read that was there at first. */
const mostLooks = 100;

/** Makes a `LastPass`: it ends with a look that finds nothing new. */
export function createLastPass(): LastPass {
  let size: number | undefined;
  let looks = 0;
  return {
    endsWith: (found, isWhole) => {
      if (isWhole && found.kind !== 'grown') return true;
      if (!isWhole) size = undefined;
      else if (found.kind === 'grown') size ??= found.size;
      if (found.kind !== 'grown' || size === undefined || found.start + found.length >= size) looks += 1;
      return looks > mostLooks;
    },
  };
}
