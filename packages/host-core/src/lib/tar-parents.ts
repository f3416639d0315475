import type { TarMember } from './tar-writer.ts';

/**
 * Names the directories that members lie in where no member before did: what a tar makes by itself has whatever mode its umask
 * leaves. A member that names one later still decides its mode.
 *
 * @yields the members, each with the directories above it before it
 */
export async function* addParents(
  members: AsyncIterable<TarMember> | Iterable<TarMember>,
): AsyncGenerator<TarMember, void, void> {
  const named = new Set<string>();
  for await (const member of members) {
    const name = member.name.toString('latin1');
    for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1)) {
      const parent = name.slice(0, slash);
      if (named.has(parent)) continue;
      named.add(parent);
      yield {
        type: 'directory',
        name: Buffer.from(parent, 'latin1'),
        mode: 0o700,
        modifiedSeconds: member.modifiedSeconds,
      };
    }
    if (member.type === 'directory') named.add(name);
    yield member;
  }
}
