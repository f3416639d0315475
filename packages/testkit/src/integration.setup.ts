import type { TestProject } from 'vitest/node';

import { startMongo } from './lib/mongo.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A MongoDB server for tests; `undefined` where there is none. */
    mongoUri: string | undefined;
    /** Why there is none, to be said after "needs". */
    mongoMissing: string | undefined;
  }
}

/** Runs once before the integration tests; what it returns runs after them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { mongo, reason } = await startMongo();
  project.provide('mongoUri', mongo?.uri);
  project.provide('mongoMissing', reason);
  return async () => {
    await mongo?.stop();
  };
}
