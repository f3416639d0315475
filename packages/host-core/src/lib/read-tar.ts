import { extract } from 'tar-stream';

import type { ByteString } from './archive-member.ts';
import { HostError } from './errors.ts';
import type { Bytes } from './host.ts';

/** A member of an archive that is being read. */
export interface TarEntry {
  /** tar-stream's names of the types; `null` for one it does not know. */
  readonly type: string | null;
  readonly name: ByteString;
  readonly target: ByteString;
  readonly mode: number;
  readonly modifiedSeconds: number;
  readonly sizeBytes: number;
  /** To be read before the next member is asked for; what is left is skipped. */
  readonly content: Bytes;
}

/**
 * Reads a tar archive member by member, holding none of them. Throws `ARCHIVE_REFUSED` for what is no tar or is cut short,
 * and the error of `bytes` as it is.
 *
 * @yields one member after the other
 */
export async function* readTar(bytes: Bytes): AsyncGenerator<TarEntry, void, void> {
  // latin1 keeps each byte of a name; pax headers are UTF-8 by definition and come decoded.
  const parser = extract({ filenameEncoding: 'latin1' } as object) as unknown as Parser;
  let sourceError: { readonly error: unknown } | undefined;
  const feeding = feed(bytes, parser).catch((error: unknown) => {
    sourceError = { error };
    parser.destroy(error instanceof Error ? error : new Error('The archive cannot be read', { cause: error }));
  });
  const explain = (error: unknown): unknown => {
    if (sourceError !== undefined) return sourceError.error;
    if (HostError.is(error)) return error;
    return new HostError('ARCHIVE_REFUSED', `Cannot read the archive: ${(error as Error).message}`, { cause: error });
  };
  async function* watched(content: Bytes): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* content;
    } catch (error) {
      throw explain(error);
    }
  }
  try {
    for await (const member of parser) {
      const { header } = member;
      const { path, linkpath } = header.pax ?? {};
      yield {
        type: header.type,
        name: path === undefined ? header.name : toBytes(path),
        target: linkpath === undefined ? (header.linkname ?? '') : toBytes(linkpath),
        mode: header.mode || 0,
        modifiedSeconds: header.mtime.getTime() / 1000 || 0,
        sizeBytes: header.size,
        content: watched(member),
      };
      member.resume();
    }
    await feeding;
  } catch (error) {
    throw explain(error);
  } finally {
    parser.destroy();
  }
}

// tar-stream's own types need those of streamx, which has none.
interface Parser extends AsyncIterable<Member> {
  readonly destroyed: boolean;
  write(chunk: Uint8Array): boolean;
  end(): void;
  destroy(error?: Error): void;
  once(event: 'close' | 'drain', listener: () => void): void;
  off(event: 'close' | 'drain', listener: () => void): void;
}

interface Member extends AsyncIterable<Uint8Array> {
  readonly header: {
    readonly name: string;
    readonly type: string | null;
    readonly linkname: string | null;
    readonly mode: number;
    readonly size: number;
    readonly mtime: Date;
    readonly pax: { readonly path?: string; readonly linkpath?: string } | null;
  };
  resume(): void;
}

async function feed(bytes: Bytes, parser: Parser): Promise<void> {
  for await (const chunk of bytes) {
    if (parser.destroyed) return;
    if (!parser.write(chunk)) await drainedOrClosed(parser);
  }
  parser.end();
}

function drainedOrClosed(parser: Parser): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      parser.off('drain', settle);
      parser.off('close', settle);
      resolve();
    };
    parser.once('drain', settle);
    parser.once('close', settle);
  });
}

function toBytes(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1');
}
