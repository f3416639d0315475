import { createLocalHost } from '@optio-ts/host-core';
import { createHostileSandbox, hostileArchives } from '@optio-ts/testkit';
import { afterAll, describe, expect, it } from 'vitest';

import { noCipher } from './cipher.ts';
import { SeedEngineError } from './errors.ts';
import { createMemoryStore } from './memory-store.ts';
import { exportSeed, importSeed } from './seed-file.ts';
import { plantSeed } from './seed-host.ts';
import { listSeeds, storeSeed, verifySeed } from './seed-store.ts';
import { stream } from './testing/contract-case.ts';

const manifest = { collection: { name: 'opencode_seeds' }, version: 1, include: ['a/b'], agent: 'opencode' };
const place = { prefix: 'a/b/', wayOut: '../../../outside' };
const kinds = hostileArchives({ ...place, outside: '/' });

describe('plantSeed, verifySeed and importSeed', () => {
  const host = createLocalHost();
  afterAll(() => host[Symbol.asyncDispose]());

  for (const { kind, verdict } of kinds) {
    it(`${verdict === 'refused' ? 'refuse' : 'are not harmed by'} ${kind}`, async () => {
      await using sandbox = await createHostileSandbox();
      const { target: home, outside } = sandbox;
      const hostile = hostileArchives({ ...place, outside });
      const { archive, member } = hostile.find((one) => one.kind === kind) ?? { archive: () => Buffer.alloc(0) };
      await using store = createMemoryStore();
      const { id: seedId } = await storeSeed({ store, cipher: noCipher, manifest, archive: stream(archive()) });
      const seed = { store, cipher: noCipher, manifest, seedId };

      const { isSound, error: found } = await verifySeed(seed);
      let error: unknown;
      try {
        await plantSeed({ ...seed, host, home });
      } catch (caught) {
        error = caught;
      }
      await sandbox.check();
      if (verdict === 'refused')
        expect({ isSound, isPlanted: error === undefined }).toEqual({ isSound: false, isPlanted: false });
      if (error !== undefined) await sandbox.checkUntouched();
      // Into another store by a file: whole, or nothing of it.
      await using other = createMemoryStore();
      const importing = importSeed({ store: other, cipher: noCipher, manifest, file: exportSeed(seed) });
      if (isSound) return void (await importing);
      await expect(importing).rejects.toMatchObject({ code: 'SEED_MALFORMED', message: found?.message });
      expect(await listSeeds({ store: other, manifest })).toEqual([]);
      expect(await other.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
      expect(found).toMatchObject({ code: 'SEED_MALFORMED' });
      expect(SeedEngineError.is(error) && error.message).toBe(found?.message);
      if (verdict === 'refused') expect(found?.message).toContain(member === undefined ? '' : JSON.stringify(member));
    });
  }
});
