// Pure: which members of an archive a manifest lets through, and under which name.

/** What a tar says of one member. */
export interface ArchiveMember {
  readonly name: string;
  /** `file`, `directory`, `symlink`, `link`, … as tar-stream calls them. */
  readonly type: string;
  /** Of a link. */
  readonly linkname?: string | null | undefined;
}

/** A member that is let through, as it is written anew. */
interface TakenMember {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'link';
  readonly linkname?: string;
}

/** What becomes of a member. */
export type MemberDecision =
  | { readonly decision: 'take'; readonly member: TakenMember }
  | { readonly decision: 'skip' }
  | { readonly decision: 'refuse'; readonly reason: string };

/**
 * Makes a function that decides on the members of one archive, in their order.
 *
 * Outside the manifest a member is skipped, whatever it is, unless its name leaves the home. Inside, it is a file, a
 * directory, or a link that stays in the home. Links must stay there when followed one after the other as well, so
 * `..` may only lead a target, and nothing may lie below a link.
 */
export function memberFilter(include: readonly string[]): (member: ArchiveMember) => MemberDecision {
  const entries = include.map((path) => normalize(path) ?? '');
  const files = new Set<string>();
  const links = new Set<string>();
  const directories = new Set<string>();

  return (member) => {
    const name = normalize(member.name);
    if (name === undefined) return refuse('its name leaves the home');
    if (!entries.some((entry) => name === entry || name.startsWith(`${entry}/`))) return { decision: 'skip' };
    // What is not UTF-8 was read as this character: two such names would be one.
    if (name.includes('\uFFFD')) return refuse('its name is not UTF-8');
    const parents = parentsOf(name);
    if (parents.some((parent) => links.has(parent))) return refuse('it lies below a link');
    for (const parent of parents) directories.add(parent);

    if (member.type === 'directory') {
      if (links.has(name)) return refuse('it lies on a link');
      directories.add(name);
      return { decision: 'take', member: { name, type: 'directory' } };
    }
    if (directories.has(name)) return refuse('it lies on a directory');
    if (member.type === 'file' || member.type === 'contiguous-file') {
      links.delete(name);
      files.add(name);
      return { decision: 'take', member: { name, type: 'file' } };
    }
    if (member.type === 'symlink') {
      const linkname = member.linkname ?? '';
      if (!staysInside(name, linkname)) return refuse(`it is a link to ${JSON.stringify(linkname)}`);
      files.delete(name);
      links.add(name);
      return { decision: 'take', member: { name, type: 'symlink', linkname } };
    }
    if (member.type === 'link') {
      const linkname = normalize(member.linkname ?? '');
      if (linkname === undefined || linkname === name || !files.has(linkname)) {
        return refuse(`it is a hard link to ${JSON.stringify(member.linkname)}, which is no file before it`);
      }
      files.add(name);
      return { decision: 'take', member: { name, type: 'link', linkname } };
    }
    return refuse(`it is a ${member.type}`);
  };
}

/** A mode for its owner alone; of the rest only whether it can be run. */
export function privateMode(mode: number | undefined, type: string): number {
  if (type === 'directory') return 0o700;
  return ((mode ?? 0) & 0o100) === 0 ? 0o600 : 0o700;
}

function staysInside(name: string, linkname: string): boolean {
  if (linkname === '' || linkname.startsWith('/') || /[\0\\]/.test(linkname)) return false;
  const parts = linkname.split('/').filter((part) => part !== '' && part !== '.');
  const down = parts.findIndex((part) => part !== '..');
  const up = down === -1 ? parts.length : down;
  return up <= parentsOf(name).length && !parts.slice(up).includes('..');
}

function parentsOf(name: string): string[] {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** A relative POSIX path without `.`; `undefined` for one that is absolute, has `..`, a NUL or a backslash. */
function normalize(name: string): string | undefined {
  if (name.startsWith('/') || /[\0\\]/.test(name)) return undefined;
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return undefined;
  return parts.join('/');
}

function refuse(reason: string): MemberDecision {
  return { decision: 'refuse', reason };
}
