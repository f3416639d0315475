export { createSqliteStore, type CreateSqliteStoreOptions } from './lib/sqlite-store.ts';
