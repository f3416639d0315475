import type { Options } from 'tsup';

/** Build options every package shares. Declarations come from tsc: tsup's need an older TypeScript. */
export const base: Options = {
  format: 'esm',
  platform: 'node',
  target: 'node22',
  sourcemap: true,
  clean: true,
  // tsup strips the `node:` of imports unless told not to; `node:sqlite` does not exist without it.
  removeNodeProtocol: false,
};
