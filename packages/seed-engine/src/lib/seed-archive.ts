import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';

import type { Bytes } from '@optio-ts/host-core';
import { extract as extractTar, pack as packTar, type Extract, type Header, type Pack } from 'tar-stream';

import { SeedEngineError } from './errors.ts';
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
}

/** Limits of a seed that is planted or verified. */
export interface SeedArchiveLimits {
  /** Bytes of content, unpacked. */
  readonly maxBytes: number;
  readonly maxMembers: number;
}

// A login and settings are some KiB; an environment with plugins some hundred MiB. More is a bomb.
const defaultLimits: SeedArchiveLimits = { maxBytes: 4 * 1024 ** 3, maxMembers: 100_000 };
// As many names as a report is good for.
const maxSkippedNames = 1000;

/**
 * Parses a seed's archive and writes it anew with only what the manifest includes. Throws `SEED_MALFORMED` while
 * iterated for what is no archive or holds a member that must not be there; what `archive` itself throws comes out as
 * it is.
 */
export function filterSeedArchive(
  archive: Bytes,
  include: readonly string[],
  limits: SeedArchiveLimits = defaultLimits,
): FilteredArchive {
  const taken: string[] = [];
  const skipped: string[] = [];
  const members = { taken, skipped, sizeBytes: 0 };

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
    let count = 0;
    for await (const entry of extract) {
      const { name, type, mode, mtime, size, linkname } = entry.header;
      count += 1;
      if (count > limits.maxMembers) throw malformed(`it has more than ${limits.maxMembers} members`);
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
        pack.entry(header);
        entry.resume();
        continue;
      }
      members.sizeBytes += size;
      if (members.sizeBytes > limits.maxBytes) throw malformed(`it holds more than ${limits.maxBytes} bytes`);
      await copyEntry(entry as unknown as Readable, pack, { ...header, size });
    }
  }

  return { content: content(), members };
}

/** What ended a half of the work, when it says more than that the other half ended. */
function reasonOf(result: PromiseSettledResult<void>): Error | undefined {
  if (result.status === 'fulfilled') return undefined;
  const reason: unknown = result.reason;
  const isEcho = (reason as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
  return isEcho ? undefined : reason instanceof Error ? reason : new Error(String(reason));
}

async function copyEntry(
  entry: Readable,
  pack: Pack,
  header: Partial<Header> & { readonly name: string; readonly size: number },
): Promise<void> {
  await pipeline(entry, pack.entry(header) as unknown as Writable);
}

function malformed(why: string, cause?: unknown): SeedEngineError {
  return new SeedEngineError(
    'SEED_MALFORMED',
    `The archive of this seed is refused: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}
