/** Takes user name and password out of every URL in a text. */
export function redactUrls(text: string): string {
  return text.replaceAll(/\/\/[^/\s@]+@/g, '//');
}

/** A URL as it may be shown: no credentials, no query, no fragment. */
export function displayUrl(url: string): string {
  if (!URL.canParse(url)) return redactUrls(url);
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** The message of something that was thrown, without credentials, on one line. */
export function describeFailure(error: unknown): string {
  const text = error instanceof Error ? error.message || String(Reflect.get(error, 'code')) : String(error);
  return redactUrls(text).replaceAll(/\s+/g, ' ').trim();
}
