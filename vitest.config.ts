import { defineConfig } from 'vitest/config';

const integration = '**/*.integration.test.ts';
// They make faults at random moments of real processes, and measure: nothing else may run beside them.
const campaign = '**/*.campaign.integration.test.ts';

const withServers = {
  globalSetup: ['./packages/testkit/src/integration.setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  ssr: { resolve: { conditions: ['@optio-ts/source', 'node'] } },
  test: {
    coverage: {
      include: ['packages/*/src/lib/**/*.ts', 'apps/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.test-d.ts', 'packages/testkit/**'],
      reporter: ['text', 'lcov'],
    },
    reporters: ['default', './scripts/summary-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{packages,apps,examples}/*/src/**/*.test.ts'],
          exclude: [integration],
        },
      },
      {
        extends: true,
        test: {
          ...withServers,
          name: 'integration',
          include: [`{packages,apps,examples}/*/src/${integration}`, `scripts/${integration}`],
          exclude: [campaign],
          // They wait for processes and servers more than they compute.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          ...withServers,
          name: 'campaign',
          include: [`{packages,apps,examples}/*/src/${campaign}`],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
