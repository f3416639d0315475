import { createHash } from 'node:crypto';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';

import type { Bytes } from '@optio-ts/host-core';
import { extract as extractTar, pack as packTar, type Extract, type Header, type Pack } from 'tar-stream';

import { SeedEngineError } from './errors.ts';
import { editFiles, type SeedTransform } from './seed-edit.ts';
import { memberFilter, privateMode } from './seed-members.ts';
import { guardSource } from './source-guard.ts';

/** What went through, complete when the stream has ended. */
export interface FilteredMembers {
  /** Names of the files and links that were taken. */
  readonly taken: readonly string[];
  /** Names of members outside the manifest. */
  readonly skipped: readonly string[];
  /** Of the content of what was taken. */
  readonly sizeBytes: number;
}

/** An archive on its way through the filter. */
export interface FilteredArchive {
  /** A gzip'd tar, written anew: what the filter did not understand is not in it. */
  readonly content: Bytes;
  readonly members: FilteredMembers;
  /** Hex SHA-256 of each file's content and each link's target, before any transform. Complete when the stream ended. */
  readonly digests: ReadonlyMap<string, string>;
}

/** Options of `filterSeedArchive`. */
export interface FilterSeedArchiveOptions {
  /** Bytes of content, unpacked. @default 4 GiB */
  readonly maxBytes?: number;
  /** @default 100_000 */
  readonly maxMembers?: number;
  /** @default none */
  readonly transform?: SeedTransform;
}

/** A login and settings are some KiB; an environment with plugins some hundred MiB. More is a bomb. */
export const maxSeedBytes: number = 4 * 1024 ** 3;
const defaultLimits = { maxBytes: maxSeedBytes, maxMembers: 100_000 };
// As many names as a report is good for.
const maxSkippedNames = 1000;

/**
 * Parses a seed's archive and writes it anew with only what the manifest includes, and with the changes of a transform.
 * Throws `SEED_MALFORMED` while iterated for what is no archive or holds a member that must not be there; what
 * `archive` itself and the transform throw comes out as it is.
 */
export function filterSeedArchive(
  archive: Bytes,
  include: readonly string[],
  options: FilterSeedArchiveOptions = {},
): FilteredArchive {
  const { maxBytes, maxMembers, transform } = { ...defaultLimits, ...options };
  const taken: string[] = [];
  const skipped: string[] = [];
  const members = { taken, skipped, sizeBytes: 0 };
  const digests = new Map<string, string>();
  let refusal: { readonly error: unknown } | undefined;

  async function* content(): AsyncGenerator<Uint8Array> {
    const source = guardSource(archive);
    const extract = extractTar();
    const pack = packTar();
    // Level 1: it is on its way to a host, not to be kept.
    const output = createGzip({ level: 1 });
    // To the very end: a blob that was changed shows it there, after the archive's own end too.
    const reading = pipeline(Readable.from(source.content), createGunzip(), extract as unknown as Writable);
    const writing = pipeline(pack as unknown as Readable, output);
    writing.catch(() => {}); // The output carries the same error to whoever reads it.
    const copying = copyMembers(extract, pack);
    void Promise.allSettled([copying, reading]).then(([copied, read]) => {
      if (copied.status === 'fulfilled' && read.status === 'fulfilled') pack.finalize();
      // A refused member ends the reading as well: the refusal is the reason.
      else output.destroy(reasonOf(copied) ?? reasonOf(read) ?? new Error('cut short'));
    });
    try {
      yield* output as AsyncIterable<Uint8Array>;
    } catch (error) {
      if (source.failure !== undefined) throw source.failure.error;
      if (refusal !== undefined) throw refusal.error;
      if (SeedEngineError.is(error)) throw error;
      throw malformed(error instanceof Error ? error.message : String(error), error);
    } finally {
      // Left in the middle: everything behind it stops, and the source is closed.
      extract.destroy();
      pack.destroy();
      output.destroy();
    }
  }

  async function copyMembers(extract: Extract, pack: Pack): Promise<void> {
    const decide = memberFilter(include);
    const edited = editFiles(transform);
    // A second name of a file must come behind it, and edited files come last.
    const hardLinks: Partial<Header>[] = [];
    let count = 0;
    let unpackedBytes = 0;
    for await (const entry of extract) {
      const { name, type, mode, mtime, size, linkname } = entry.header;
      count += 1;
      if (count > maxMembers) throw malformed(`it has more than ${maxMembers} members`);
      // Of what is left out as well: it has to be unpacked all the same.
      unpackedBytes += size;
      if (unpackedBytes > maxBytes) {
        throw malformed(`${JSON.stringify(name)}: with it, the archive holds more than ${maxBytes} bytes`);
      }
      const choice = decide({ name, type, linkname });
      if (choice.decision === 'refuse') throw malformed(`${JSON.stringify(name)}: ${choice.reason}`);
      if (choice.decision === 'skip') {
        if (type !== 'directory' && skipped.length < maxSkippedNames) skipped.push(name);
        entry.resume();
        continue;
      }
      const { member } = choice;
      const header = { ...member, mode: privateMode(mode, member.type), mtime };
      if (member.type !== 'directory') taken.push(member.name);
      if (member.type !== 'file') {
        if (edited.takes(member.name)) throw malformed(`${JSON.stringify(name)}: it is a ${member.type} and no file`);
        if (member.linkname !== undefined) digests.set(member.name, digestOf(member.type, member.linkname));
        if (member.type === 'link') hardLinks.push(header);
        else pack.entry(header as Header);
        entry.resume();
        continue;
      }
      members.sizeBytes += size;
      const source = entry as unknown as Readable;
      if (edited.takes(member.name)) {
        const tooLong = (): Error => malformed(`${JSON.stringify(name)}: it is too large to be looked at`);
        digests.set(member.name, digestOf('file', await edited.add(member.name, source, tooLong)));
      } else {
        digests.set(member.name, await copyEntry(source, pack, { ...header, size }));
      }
    }
    const changed = await edited.finish({ members: taken, digests }).catch((error: unknown) => {
      refusal = { error };
      throw error;
    });
    for (const [name, bytes] of changed) {
      pack.entry({ name, type: 'file', mode: 0o600, mtime: new Date() }, Buffer.from(bytes));
    }
    for (const header of hardLinks) pack.entry(header as Header);
  }

  return { content: content(), members, digests };
}

function digestOf(type: string, content: string | Uint8Array): string {
  const hash = createHash('sha256');
  // That a link leads somewhere is not the same as a file that says so.
  if (type !== 'file') hash.update(`${type}:`);
  return hash.update(content).digest('hex');
}

/** What ended a half of the work, when it says more than that the other half ended. */
function reasonOf(result: PromiseSettledResult<void>): Error | undefined {
  if (result.status === 'fulfilled') return undefined;
  const reason: unknown = result.reason;
  const isEcho = (reason as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
  return isEcho ? undefined : reason instanceof Error ? reason : new Error(String(reason));
}

/** Copies a file, and returns the hex SHA-256 of its content. */
async function copyEntry(
  entry: Readable,
  pack: Pack,
  header: Partial<Header> & { readonly name: string; readonly size: number },
): Promise<string> {
  const hash = createHash('sha256');
  async function* watch(): AsyncGenerator<Uint8Array> {
    for await (const chunk of entry as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      yield chunk;
    }
  }
  await pipeline(watch(), pack.entry(header) as unknown as Writable);
  return hash.digest('hex');
}

function malformed(why: string, cause?: unknown): SeedEngineError {
  return new SeedEngineError(
    'SEED_MALFORMED',
    `The archive of this seed is refused: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}
