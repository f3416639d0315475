import { archiveCases } from './lib/contract/archive-cases.ts';
import { disposeCases } from './lib/contract/dispose-cases.ts';
import { downloadCases } from './lib/contract/download-cases.ts';
import { fileCases } from './lib/contract/file-cases.ts';
import { followCases } from './lib/contract/follow-cases.ts';
import { forwardCases } from './lib/contract/forward-cases.ts';
import { processCases } from './lib/contract/process-cases.ts';
import { runCases } from './lib/contract/run-cases.ts';
import { stdinCases } from './lib/contract/stdin-cases.ts';
import { supervisedCases } from './lib/contract/supervised-cases.ts';
import type { HostCase } from './lib/contract/support.ts';
import { wholeFileCases } from './lib/contract/whole-file-cases.ts';

export type { ContractCase, HostCase, HostContractSubject } from './lib/contract/support.ts';

/**
 * Every promise of the `Host` port, and of the functions over it, as cases for any test runner:
 *
 *     for (const { name, run } of hostContract) it(name, () => run(subject));
 *
 * Give each case a fresh directory. A case rejects, by `node:assert`, when a promise is broken. The slowest take seconds.
 */
export const hostContract: readonly HostCase[] = [
  ...runCases,
  ...stdinCases,
  ...processCases,
  ...forwardCases,
  ...disposeCases,
  ...fileCases,
  ...wholeFileCases,
  ...archiveCases,
  ...downloadCases,
  ...followCases,
  ...supervisedCases,
];
