import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { generateX25519Identity } from 'age-encryption';

import { recipientOf } from './age-cipher.ts';
import { SeedEngineError } from './errors.ts';

// Two lines a key; nobody has a thousand.
const maxFileBytes = 262_144;

/** The identities of a file, and what they open for, in the same order. */
export interface Identities {
  readonly identities: readonly string[];
  readonly recipients: readonly string[];
}

/**
 * Reads an identity file in the format of the `age` command: one `AGE-SECRET-KEY-…` a line, `#` starts a comment.
 * `undefined` when there is no such file. Throws `KEY_REFUSED` when others may read it, or it is no such file; its
 * content is never part of a message.
 */
export async function readIdentities(path: string): Promise<Identities | undefined> {
  const text = await readPrivate(path);
  if (text === undefined) return undefined;
  const identities = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (identities.length === 0) throw refused(path, 'it holds no age identity');
  try {
    return { identities, recipients: await Promise.all(identities.map(recipientOf)) };
  } catch {
    throw refused(path, 'a line of it is no age identity (AGE-SECRET-KEY-…)');
  }
}

/**
 * Makes an identity file, 0600, that is on the disk and whole when this returns. `false` when there is one already,
 * which is left as it is.
 */
export async function createIdentityFile(path: string): Promise<boolean> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeWhole(temporary, (await newIdentity()).text);
    // Unlike a rename, this never replaces a key that somebody else has made meanwhile.
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw refused(path, `it cannot be made: ${describe(error)}`, error);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(directory);
  return true;
}

/**
 * Adds a new identity to a file, in one step, and returns its recipient. What is in the file stays. Throws `KEY_REFUSED`, also
 * while another does the same.
 */
export async function appendIdentity(path: string): Promise<string> {
  const { recipient, text } = await newIdentity();
  // A link may lead to where it really is.
  const target = await realpath(path).catch(() => path);
  const next = `${target}.next`;
  let file;
  try {
    // Whoever makes it has the change to itself: of two that read the same file, one would throw the other's key away.
    file = await open(next, 'wx', 0o600);
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw refused(
      path,
      isTaken
        ? `another process is changing it; if none is, remove ${next}`
        : `it cannot be written: ${describe(error)}`,
      error,
    );
  }
  try {
    try {
      const before = (await readPrivate(target)) ?? '';
      await file.writeFile(`${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${text}`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(next, target);
  } catch (error) {
    await rm(next, { force: true });
    throw SeedEngineError.is(error) ? error : refused(path, `it cannot be written: ${describe(error)}`, error);
  }
  await syncDirectory(dirname(target));
  return recipient;
}

async function newIdentity(): Promise<{ readonly recipient: string; readonly text: string }> {
  const identity = await generateX25519Identity();
  const recipient = await recipientOf(identity);
  return { recipient, text: `# created: ${new Date().toISOString()}\n# public key: ${recipient}\n${identity}\n` };
}

/** Writes a new file, 0600, that is on the disk when this returns. */
async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readPrivate(path: string): Promise<string | undefined> {
  let file;
  try {
    // Not blocking: it might be a pipe that nobody writes to.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw refused(path, describe(error), error);
  }
  try {
    const status = await file.stat();
    if (!status.isFile()) throw refused(path, 'it is not a file');
    if (status.size > maxFileBytes) throw refused(path, 'it is too large for an identity file');
    // The kernel's files say that they are empty, and some can be read for ever.
    if (status.size === 0) return '';
    if ((status.mode & 0o077) !== 0) {
      throw refused(path, `others may read it: run chmod 600 ${path}`);
    }
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function refused(path: string, why: string, cause?: unknown): SeedEngineError {
  return new SeedEngineError(
    'KEY_REFUSED',
    `Cannot use the identity file ${path}: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
