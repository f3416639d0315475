export { createMongoStore, type CreateMongoStoreOptions } from './lib/mongo-store.ts';
