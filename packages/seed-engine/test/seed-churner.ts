// A process of its own, made to be killed: `seed-churner.ts sqlite <file>` or `seed-churner.ts mongo <uri>
// <database>`. Until then it captures seeds and snapshots, writes new content into seeds, takes them out and in again, seals all anew for another key,
// and removes old ones, without a pause. `OPTIO_IDENTITIES` holds the two keys. Prints a line once it works.
import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

import { MongoClient } from 'mongodb';
import { pack as packTar } from 'tar-stream';

import { ageCipher, recipientOf } from '../src/lib/age-cipher.ts';
import { createMongoStore } from '../src/lib/mongo-store.ts';
import { rewriteSeed } from '../src/lib/rewrite-seed.ts';
import { rotateStore } from '../src/lib/rotate-store.ts';
import { exportSeed, importSeed } from '../src/lib/seed-file.ts';
import { listSeeds, purgeSeed, storeSeed } from '../src/lib/seed-store.ts';
import { openSnapshot } from '../src/lib/snapshot-capture.ts';
import { createSqliteStore } from '../src/lib/sqlite-store.ts';
import type { Store } from '../src/lib/store.ts';
import { noise, stream } from '../src/lib/testing/contract-case.ts';

const [kind, place = '', database = ''] = process.argv.slice(2);
const manifest = { collection: { name: 'opencode_seeds' }, version: 1, include: ['home'], agent: 'opencode' };

async function openStore(): Promise<Store> {
  if (kind === 'sqlite') return createSqliteStore(place);
  return createMongoStore((await MongoClient.connect(place)).db(database));
}

function archive(round: number): Readable {
  const pack = packTar();
  pack.entry({ name: 'home/auth.json' }, `{"round":${round}}`);
  pack.entry({ name: 'home/plugin' }, noise(round % 3 === 0 ? 3_000_000 : 20_000, round));
  pack.finalize();
  return (pack as unknown as Readable).pipe(createGzip({ level: 1 }));
}

const transform = {
  files: ['home/auth.json'],
  apply: async () => ({ 'home/auth.json': Buffer.from(`{"written":${Date.now()}}`) }),
};
const identities = (process.env['OPTIO_IDENTITIES'] ?? '').split(' ');
const ciphers = await Promise.all(
  identities.map(async (identity) => ageCipher({ recipients: [await recipientOf(identity)], identities })),
);
const store = await openStore();
for (let round = 0; ; round += 1) {
  const cipher = ciphers[round % ciphers.length];
  if (cipher === undefined) throw new Error('OPTIO_IDENTITIES holds no keys');
  await storeSeed({ store, cipher, manifest, archive: archive(round), label: `round ${round}` });
  const snapshot = openSnapshot({
    store,
    cipher,
    agent: 'opencode',
    taskId: 'churn',
    sessionId: 'ses',
    retention: 2,
    processId: 'ab'.repeat(12),
  });
  await Promise.all([snapshot.write('workdir', archive(round)), snapshot.write('session', stream('{}'))]);
  await snapshot.commit({ endState: 'done' });
  // Those without a label are somebody else's.
  const seeds = (await listSeeds({ store, manifest })).filter(({ label }) => label !== undefined);
  const [newest] = seeds;
  if (newest !== undefined) {
    await rewriteSeed({ store, cipher, manifest, seedId: newest.id, transform });
    const file = exportSeed({ store, manifest, seedId: newest.id });
    await importSeed({ store, cipher, manifest, file, label: `again ${round}` });
  }
  for (const { id } of seeds.slice(3)) await purgeSeed({ store, manifest, seedId: id });
  // What the rounds before sealed with the other key.
  await rotateStore({ store, cipher, manifests: [manifest], agents: ['opencode'] });
  if (round === 0) process.stdout.write('working\n');
}
