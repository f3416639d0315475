/**
 * Said with every answer. Nothing is loaded from elsewhere, nothing stands in the page itself that runs, nobody may frame it, and a
 * session's interface may not lead its frame away from this machine.
 */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    'frame-src http://127.0.0.1:*',
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // Not in one process with a session's pages, which differ in the port alone.
  'Origin-Agent-Cluster': '?1',
  'Permissions-Policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), usb=()',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** A file that an agent wrote: never a page, whatever is in it. */
export const DELIVERABLE_HEADERS: Readonly<Record<string, string>> = {
  ...PAGE_HEADERS,
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Content-Type': 'application/octet-stream',
};

/** The header that names a file for whoever saves it (RFC 6266): the last part of its name, with nothing in it that could end it. */
export function attachmentOf(name: string): string {
  const base = name.split('/').at(-1) ?? '';
  const encoded = encodeURIComponent(base.toWellFormed()).replaceAll(
    /['()*!]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="deliverable"; filename*=UTF-8''${encoded}`;
}
