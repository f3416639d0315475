import { isAbsolute, relative, sep } from 'node:path';

/** Whether `path` is `directory` itself or below it. Both absolute; nothing is looked up. */
export function isInside(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}
