import { defineConfig } from 'vitest/config';

const integration = '**/*.integration.test.ts';

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
          include: ['{packages,apps}/*/src/**/*.test.ts'],
          exclude: [integration],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: [`{packages,apps}/*/src/${integration}`],
          globalSetup: ['./packages/testkit/src/integration.setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
