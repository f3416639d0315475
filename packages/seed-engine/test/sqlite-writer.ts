// A process of its own for tests of the SQLite store: `sqlite-writer.ts <file> <name> <rounds>`. In each round it
// writes a document with a blob, removes the one of the round before, and counts a shared counter up.
import { changeDocument } from '../src/lib/change-document.ts';
import { SeedEngineError } from '../src/lib/errors.ts';
import { createId } from '../src/lib/id.ts';
import { createSqliteStore } from '../src/lib/sqlite-store.ts';
import { noise, stream } from '../src/lib/testing/contract-case.ts';

const [path = '', name = '', rounds = '0'] = process.argv.slice(2);
const collection = { name: 'things' };
await using store = createSqliteStore(path);

try {
  await store.insert(collection, { id: 'counter', value: 0 });
} catch (error) {
  if (!SeedEngineError.is(error) || error.code !== 'DOCUMENT_EXISTS') throw error;
}

let before: string | undefined;
for (let round = 0; round < Number(rounds); round += 1) {
  const id = createId();
  const owner = { collection, id };
  const blob = await store.writeBlob({ owner, name, content: stream(noise(100_000, round)) });
  await store.insert(collection, { id, by: name, part: { blob: blob.id } });
  if (before !== undefined) await store.remove(collection, before);
  before = id;
  await changeDocument(store, collection, 'counter', ({ value }) => ({ value: Number(value) + 1 }));
}
