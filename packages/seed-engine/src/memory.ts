export { createMemoryStore, type CreateMemoryStoreOptions } from './lib/memory-store.ts';
