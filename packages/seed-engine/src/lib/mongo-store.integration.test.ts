import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, beforeEach, describe, inject, it } from 'vitest';

import { createId } from './id.ts';
import { createMongoStore } from './mongo-store.ts';
import type { StoreContractSubject } from './testing/contract-case.ts';
import { storeContract } from './testing/store-contract.ts';

const uri = inject('mongoUri');

describe('createMongoStore', () => {
  const databaseName = `optio-test-${createId()}`;
  const clients: MongoClient[] = [];
  let subject: StoreContractSubject;
  beforeAll(async () => {
    if (uri === undefined) return;
    clients.push(await MongoClient.connect(uri), await MongoClient.connect(uri));
    const [client] = clients;
    const [store, other] = clients.map((client) => createMongoStore(client.db(databaseName)));
    if (!client || !store || !other) throw new Error('two clients');
    subject = { store, other, open: () => createMongoStore(client.db(databaseName)) };
  });
  afterAll(async () => {
    await clients[0]?.db(databaseName).dropDatabase();
    for (const client of clients) await client.close();
  });
  beforeEach(({ skip }) => {
    if (uri === undefined) skip(`needs ${inject('mongoMissing')}`);
  });
  for (const { name, run } of storeContract) it(name, () => run(subject));
});
