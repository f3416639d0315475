import { createHostileSandbox, hostileArchives } from '@optio-ts/testkit';
import { afterAll, describe, expect, it } from 'vitest';

import { HostError } from './errors.ts';
import { createLocalHost } from './local-host.ts';
import { restoreDirectory } from './restore.ts';

const maxBytes = 1_000_000;
const kinds = hostileArchives({ prefix: '', outside: '/', wayOut: '..', tooManyBytes: maxBytes + 1 });

describe('restoreDirectory', () => {
  const host = createLocalHost();
  afterAll(() => host[Symbol.asyncDispose]());

  it('knows kinds of hostile archives', () => {
    expect(kinds.length).toBeGreaterThan(100);
    expect(new Set(kinds.map(({ kind }) => kind)).size).toBe(kinds.length);
  });

  for (const { kind, verdict } of kinds) {
    it(`${verdict === 'refused' ? 'refuses' : 'is not harmed by'} ${kind}`, async () => {
      await using sandbox = await createHostileSandbox();
      const { target, outside } = sandbox;
      const hostile = hostileArchives({ prefix: '', outside, wayOut: '../outside', tooManyBytes: maxBytes + 1 });
      const { archive, member } = hostile.find((one) => one.kind === kind) ?? { archive: () => Buffer.alloc(0) };
      async function* content(): AsyncGenerator<Uint8Array> {
        const bytes = archive();
        for (let offset = 0; offset < bytes.length; offset += 65_536) yield bytes.subarray(offset, offset + 65_536);
      }
      let error: unknown;
      try {
        await restoreDirectory(host, target, content(), { maxBytes });
      } catch (caught) {
        error = caught;
      }
      await sandbox.check();
      if (error === undefined) return expect(verdict).toBe('harmless');
      expect(error).toSatisfy((caught) => HostError.is(caught));
      expect(['ARCHIVE_REFUSED', 'ARCHIVE_FAILED']).toContain((error as HostError).code);
      await sandbox.checkUntouched();
      if (verdict === 'refused')
        expect((error as HostError).message).toContain(member === undefined ? '' : JSON.stringify(member));
    });
  }
});
