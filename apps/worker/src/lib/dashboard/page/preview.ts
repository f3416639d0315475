/** What can be shown of a file that an agent wrote: text, or an image of a kind that cannot hold a program. */
export type Preview =
  | { readonly type: 'text'; readonly text: string; readonly isCut: boolean }
  | { readonly type: 'image'; readonly url: string }
  | { readonly type: 'binary' };

/** More than this is not fetched to be looked at. */
export const MOST_PREVIEW_BYTES: number = 32 * 1024 * 1024;
const MOST_TEXT_BYTES = 512 * 1024;

/** Makes a file fit to be shown. What it is, its first bytes say, and not its name: an SVG is text, and so is HTML. */
export async function previewOf(blob: Blob, isWhole = true): Promise<Preview> {
  const start = new Uint8Array(await blob.slice(0, MOST_TEXT_BYTES).arrayBuffer());
  const type = imageTypeOf(start);
  if (type !== undefined && !isWhole) return { type: 'binary' };
  if (type !== undefined) return { type: 'image', url: URL.createObjectURL(new Blob([blob], { type })) };
  const isCut = !isWhole || blob.size > start.length;
  const text = textOf(start, isCut);
  return text === undefined ? { type: 'binary' } : { type: 'text', text, isCut };
}

/** Recognizes images that are pixels alone. */
export function imageTypeOf(bytes: Uint8Array): string | undefined {
  const ascii = (from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));
  if (ascii(0, 8) === '\u0089PNG\r\n\u001A\n') return 'image/png';
  if (ascii(0, 3) === '\u00FF\u00D8\u00FF') return 'image/jpeg';
  if (/^GIF8[79]a$/.test(ascii(0, 6))) return 'image/gif';
  if (ascii(0, 4) === 'RIFF' && ascii(8, 12) === 'WEBP') return 'image/webp';
  return undefined;
}

/** UTF-8 without what no text has; control characters are left out. */
export function textOf(bytes: Uint8Array, isCut: boolean): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut });
    if (text.includes('\0')) return undefined;
    // oxlint-disable-next-line eslint/no-control-regex
    return text.replaceAll(/[\u0001-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g, '�');
  } catch {
    return undefined;
  }
}
