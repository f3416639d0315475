import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import type { Bytes } from '@optio-ts/host-core';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';

import { unpackMember } from './unpack-member.ts';

const member = 'package/bin/tool';
const tool = randomBytes(300_000);

async function archive(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mode: 0o755 }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  return gzipSync(Buffer.concat(chunks));
}

const integrityOf = (content: Buffer): string => createHash('sha512').update(content).digest('base64');

async function* inPieces(content: Buffer, size = 1000): Bytes {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

async function collect(bytes: Bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const good = await archive({
  'package/package.json': Buffer.from('{}'),
  [member]: tool,
  'package/README.md': randomBytes(70_000),
});

async function unpack(bytes: Bytes, integrity = integrityOf(good), maxBytes?: number) {
  const { sizeBytes, content } = await unpackMember(bytes, {
    what: 'tool@1.0.0',
    members: [member],
    digests: { sha512: integrity },
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
  return { sizeBytes, content: await collect(content) };
}

describe('unpackMember', () => {
  it('hands over the one file, whole, with its size', async () => {
    const { sizeBytes, content } = await unpack(inPieces(good));
    expect(sizeBytes).toBe(tool.length);
    expect(content.equals(tool)).toBe(true);
  });

  it('refuses an archive that differs in a byte after the file', async () => {
    const other = await archive({
      'package/package.json': Buffer.from('{}'),
      [member]: tool,
      'package/README.md': randomBytes(70_000),
    });
    await expect(unpack(inPieces(other))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('calls an archive that was cut short and still ends regularly one with the wrong digest', async () => {
    for (const length of [0, 10, 1000, good.length - 1]) {
      await expect(unpack(inPieces(good.subarray(0, length)))).rejects.toMatchObject({
        code: 'DIGEST_MISMATCH',
      });
    }
  });

  it('refuses what is no archive at all', async () => {
    const page = Buffer.from('<html>log in</html>');
    await expect(unpack(inPieces(page))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await expect(unpack(inPieces(page), integrityOf(page))).rejects.toMatchObject({
      code: 'PACKAGE_INVALID',
    });
  });

  it('names the file that a package does not have', async () => {
    const empty = await archive({ 'package/package.json': Buffer.from('{}') });
    await expect(unpack(inPieces(empty), integrityOf(empty))).rejects.toMatchObject({
      code: 'PACKAGE_INVALID',
      message: `tool@1.0.0 has no file ${member}`,
    });
  });

  it('refuses an archive that unpacks to more than allowed', async () => {
    await expect(unpack(inPieces(good), integrityOf(good), 100_000)).rejects.toMatchObject({
      code: 'PACKAGE_INVALID',
    });
  });

  it('passes the error of the source on as it is', async () => {
    const failure = new Error('link cut');
    async function* cut(): Bytes {
      yield good.subarray(0, 20_000);
      throw failure;
    }
    await expect(unpack(cut())).rejects.toBe(failure);
  });

  it('closes the source when the reader leaves', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    async function* source(): Bytes {
      try {
        yield* inPieces(good);
      } finally {
        resolve();
      }
    }
    const { content } = await unpackMember(source(), {
      what: 'tool@1.0.0',
      members: [member],
      digests: { sha512: integrityOf(good) },
    });
    for await (const chunk of content) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await closed;
  });
});
