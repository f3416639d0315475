/** Where a task's files come from. */
export type FilesSource =
  | {
      readonly kind: 'directory';
      /** As written; relative to the task file. */ readonly path: string;
    }
  | {
      readonly kind: 'git';
      readonly url: string;
      /** Branch, tag or full commit id; the repository's own default when `undefined`. */
      readonly ref: string | undefined;
    };

/** A source, or what is wrong with it. */
export type ParsedFilesSource =
  | { readonly source: FilesSource; readonly problem?: never }
  | { readonly problem: string; readonly source?: never };

/**
 * Tells a directory from the URL of a git repository: `https://…`, `ssh://…`, `file://…` or `user@host:path`, with an
 * optional `#ref`. Pure: nothing is looked up.
 */
export function parseFilesSource(text: string): ParsedFilesSource {
  if (/^[A-Za-z0-9][\w.-]*@[A-Za-z0-9][\w.-]*:/.test(text)) return gitSource(text);
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/|:)/.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return { source: { kind: 'directory', path: text } };
  if (scheme !== 'https' && scheme !== 'ssh' && scheme !== 'file') {
    return {
      problem: 'names a protocol that is not used here; git URLs begin with https://, ssh:// or file://',
    };
  }
  if (!URL.canParse(text)) return { problem: 'is no URL' };
  const url = new URL(text);
  if (url.password !== '' || (scheme === 'https' && url.username !== '')) {
    return {
      problem: "holds a login; leave it to git's credential helper (https) or to your keys (ssh)",
    };
  }
  return gitSource(text);
}

function gitSource(text: string): ParsedFilesSource {
  const hash = text.indexOf('#');
  if (hash === -1) return { source: { kind: 'git', url: text, ref: undefined } };
  const ref = text.slice(hash + 1);
  // What git takes for a name of its own, without all that it would take for an option or a refspec.
  if (!/^[A-Za-z0-9_][A-Za-z0-9_./-]*$/.test(ref) || /\.\.|\/\/|\/$|\.lock$|\.$/.test(ref)) {
    return { problem: 'names a branch, tag or commit after `#` that git could not have' };
  }
  return { source: { kind: 'git', url: text.slice(0, hash), ref } };
}
