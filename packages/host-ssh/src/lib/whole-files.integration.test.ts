import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { fetchFile, openFile, pushFile, type Bytes, type Host } from '@optio-ts/host-core';
import { startLink, startSshd, type Link } from '@optio-ts/testkit';
import { describe, expect, it, type TestContext } from 'vitest';

import { loginTo } from '../../test/login-to.ts';
import { createSshHost } from './create-ssh-host.ts';

const content = randomBytes(18 * 1024 * 1024 + 321);
const sizeBytes = content.byteLength;
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface Far {
  readonly host: Host;
  readonly link: Link;
  readonly directory: string;
  /** Sessions that the server has opened. */
  readonly sessions: () => number;
}

/** A host that is 40 ms away: far enough for several channels. */
async function withFarHost(
  { skip }: TestContext,
  test: (far: Far) => Promise<void>,
  options: { readonly maxSessions?: number; readonly maxConnections?: number } = {},
): Promise<void> {
  const { maxSessions, maxConnections } = options;
  const { sshd, reason } = await startSshd(maxSessions === undefined ? {} : { maxSessions });
  if (sshd === undefined) return skip(reason);
  await using _ = sshd;
  await using link = await startLink({ targetPort: sshd.port, delayMs: 20 });
  const directory = await mkdtemp(join(tmpdir(), 'optio-far-'));
  try {
    await using host = createSshHost({
      ...loginTo(sshd, link),
      ...(maxConnections === undefined ? {} : { maxConnections }),
    });
    await test({ host, link, directory, sessions: () => sshd.log().split('Starting session: command').length - 1 });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function* pieces(source: Uint8Array): Bytes extends AsyncIterable<infer Chunk> ? AsyncGenerator<Chunk> : never {
  for (let at = 0; at < source.byteLength; at += 150_000) yield source.subarray(at, at + 150_000);
}

describe('whole files on a far host', () => {
  it('go over several channels and arrive as they are', (context) =>
    withFarHost(context, async ({ host, directory }) => {
      const there = join(directory, 'there');
      const here = join(directory, 'here');
      await pushFile(host, there, pieces(content), { sizeBytes, sha256: digest(content), mode: 0o700 });
      expect(digest(await readFile(there))).toBe(digest(content));
      await fetchFile(host, there, here, { sha256: digest(content) });
      expect(digest(await readFile(here))).toBe(digest(content));
      expect((await readdir(directory)).toSorted()).toEqual(['here', 'there']);
    }));

  it('make do with the one session that a server allows', (context) =>
    withFarHost(
      context,
      async ({ host, directory }) => {
        const there = join(directory, 'there');
        await pushFile(host, there, pieces(content), { sizeBytes });
        await fetchFile(host, there, join(directory, 'here'));
        expect(digest(await readFile(join(directory, 'here')))).toBe(digest(content));
      },
      { maxSessions: 1, maxConnections: 1 },
    ));

  it('leave nothing when their source fails, and what was there stays', (context) =>
    withFarHost(context, async ({ host, directory }) => {
      const there = join(directory, 'there');
      await writeFile(there, 'old');
      const failure = new Error('no more');
      async function* failing(): AsyncGenerator<Uint8Array, void, void> {
        yield* pieces(content.subarray(0, sizeBytes - 10));
        throw failure;
      }
      await expect(pushFile(host, there, failing(), { sizeBytes })).rejects.toBe(failure);
      expect(await readFile(there, 'utf8')).toBe('old');
      expect(await readdir(directory)).toEqual(['there']);
    }));

  it('say so when the link breaks, and the host cleans up alone', (context) =>
    withFarHost(context, async ({ host, link, directory }) => {
      const there = join(directory, 'there');
      await writeFile(there, 'old');
      await host.run(['true']);
      link.cutAfter('server', 6_000_000);
      await expect(pushFile(host, there, pieces(content), { sizeBytes })).rejects.toMatchObject({
        code: 'CONNECTION_LOST',
      });
      await expect.poll(() => readdir(directory)).toEqual(['there']);
      await writeFile(there, content);
      link.cutAfter('client', 6_000_000);
      await expect(fetchFile(host, there, join(directory, 'here'))).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
      expect(await readdir(directory)).toEqual(['there']);
    }));

  it('are read from one and the same file, whatever takes its name meanwhile', (context) =>
    withFarHost(context, async ({ host, directory }) => {
      const there = join(directory, 'there');
      await writeFile(there, content);
      await using opened = await openFile(host, there);
      await rm(there);
      await writeFile(there, Buffer.alloc(sizeBytes));
      const hash = createHash('sha256');
      for await (const chunk of opened.content) hash.update(chunk);
      expect(hash.digest('hex')).toBe(digest(content));
    }));

  it('hold little of a source that is faster than the link', (context) =>
    withFarHost(context, async ({ host, link, directory }) => {
      const source = join(directory, 'source');
      await writeFile(source, content);
      await host.run(['true']);
      link.resetCounts();
      let mostAhead = 0;
      await pushFile(host, join(directory, 'there'), createReadStream(source), {
        sizeBytes,
        onProgress: (bytes) => (mostAhead = Math.max(mostAhead, bytes - link.counts().bytesToServer)),
      });
      expect(mostAhead).toBeLessThan(sizeBytes);
    }));
});
