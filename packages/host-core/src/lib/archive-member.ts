import { HostError } from './errors.ts';

/**
 * Names in archives are handled as "binary strings", one character per byte: a host's names need not be UTF-8, and `/` and
 * `.` are the same in both.
 */
export type ByteString = string;

/** For messages and patterns. */
export function toText(name: ByteString): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

/**
 * The name of a member without `.` and doubled slashes; empty for the directory itself. Throws `ARCHIVE_REFUSED` for what
 * would lead out of the directory.
 */
export function checkMemberName(name: ByteString): ByteString {
  if (name.startsWith('/')) throw refused(name, 'its name is absolute');
  if (name.includes('\0')) throw refused(name, 'its name holds a NUL');
  const steps = name.split('/').filter((step) => step !== '' && step !== '.');
  if (steps.includes('..')) throw refused(name, 'its name leads out of the directory');
  return steps.join('/');
}

/** The name of the member that a hard link is a second name of. Throws `ARCHIVE_REFUSED` as `checkMemberName` does. */
export function checkHardLink(name: ByteString, target: ByteString): ByteString {
  const steps = target.split('/').filter((step) => step !== '' && step !== '.');
  const original = steps.join('/');
  if (original === '' || original === name) throw refused(name, 'it is a second name of nothing');
  if (target.startsWith('/') || target.includes('\0') || steps.includes('..')) {
    throw refused(name, `it is a second name of ${toText(target)}, which is not in the archive`);
  }
  return original;
}

/**
 * Throws `ARCHIVE_REFUSED` for a symbolic link that may lead out of the tree. Exact without looking at any disk: the way to
 * the link holds no links itself, so that leading `..`s go where they seem to; a `..` behind a name would have to be
 * resolved, and is refused.
 */
export function checkLinkTarget(name: ByteString, target: ByteString): void {
  if (target.startsWith('/')) throw refused(name, `it is a link to ${toText(target)}, which is absolute`);
  const steps = target.split('/').filter((step) => step !== '' && step !== '.');
  const ups = steps.findIndex((step) => step !== '..');
  const leading = ups === -1 ? steps.length : ups;
  const depth = name.split('/').length - 1;
  if (leading > depth || steps.indexOf('..', leading) !== -1) {
    throw refused(name, `it is a link to ${toText(target)}, which may lead out of the directory`);
  }
}

/** Throws `ARCHIVE_REFUSED` when a member lies beneath a symbolic link: it would be written through it. */
export function checkNotBeneathLink(name: ByteString, links: { has(name: ByteString): boolean }): void {
  for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1)) {
    const parent = name.slice(0, slash);
    if (links.has(parent)) throw refused(name, `it lies beneath the link ${toText(parent)}`);
  }
}

/** An `ARCHIVE_REFUSED` that names the member. */
export function refused(name: ByteString, reason: string): HostError {
  return new HostError('ARCHIVE_REFUSED', `Cannot take ${JSON.stringify(toText(name))} of the archive: ${reason}`);
}
