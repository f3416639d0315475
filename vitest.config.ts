import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

import { isSoak } from './packages/testkit/src/lib/campaign.ts';

const integration = '**/*.integration.test.ts';
// They make faults at random moments of real processes, and measure.
const campaign = '**/*.campaign.integration.test.ts';

// All files come from one queue: what waits for processes and servers leaves the processors to others, and the unit tests,
// which are last in the order of names, fill what is left beside the last long file.
const maxWorkers = Math.ceil(1.5 * availableParallelism());

const withServers = {
  globalSetup: ['./packages/testkit/src/integration.setup.ts'],
  maxWorkers,
};

export default defineConfig({
  ssr: { resolve: { conditions: ['@optio-ts/source', 'node'] } },
  test: {
    coverage: {
      include: ['packages/*/src/lib/**/*.ts', 'apps/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.test-d.ts', 'packages/testkit/**'],
      reporter: ['text', 'lcov'],
    },
    // Programs of ours that tests start from their sources are translated once, not in every process anew.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/optio-tests', import.meta.url)) },
    // Ceilings that only a defect reaches: all comes late on a busy machine.
    expect: { poll: { timeout: 60_000 } },
    hookTimeout: 120_000,
    testTimeout: 120_000,
    reporters: ['default', './scripts/summary-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{packages,apps,examples}/*/src/**/*.test.ts'],
          exclude: [integration],
          isolate: false,
          maxWorkers,
        },
      },
      {
        extends: true,
        test: {
          ...withServers,
          name: 'integration',
          include: [`{packages,apps,examples}/*/src/${integration}`, `scripts/${integration}`],
          exclude: [campaign],
        },
      },
      {
        extends: true,
        test: {
          ...withServers,
          name: 'campaign',
          include: [`{packages,apps,examples}/*/src/${campaign}`],
          // The full counts are measured: nothing else may run beside them.
          maxWorkers: isSoak ? 1 : maxWorkers,
        },
      },
    ],
  },
});
