import { isAbsolute } from 'node:path/posix';

/** One request of a download: an address, and what its server may be told. */
export interface DownloadHop {
  /** Without user name, password and fragment. */
  readonly url: URL;
  /** May be secrets. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What every hop of a download has in common. */
export interface HopOptions {
  readonly caFile: string | undefined;
  readonly maxBytes: number | undefined;
}

/** Understands an address; a `TypeError` for what is none, without showing it: it may hold a password. */
export function firstHop(url: string, headers: Readonly<Record<string, string>>): DownloadHop {
  if (typeof url !== 'string' || !URL.canParse(url)) throw new TypeError('url must be an http or https address');
  // The parser would drop line breaks and tabs without a word.
  if (/\p{Cc}| /u.test(url)) throw new TypeError('url must hold no blanks and no control characters');
  const parsed = new URL(url);
  if (!isWeb(parsed)) throw new TypeError(`url must be an http or https address, not ${parsed.protocol}`);
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
      throw new TypeError(`${JSON.stringify(name)} is no name of a header`);
    if (typeof value !== 'string' || !/^[\t\x20-\x7e]*$/.test(value) || value.trim() !== value || value === '')
      throw new TypeError(`The value of the header ${name} must be printable ASCII without blanks at its ends`);
  }
  const hasOwn = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  if (hasOwn && parsed.username + parsed.password !== '')
    throw new TypeError('Give either a user name in url or the header Authorization');
  return toHop(parsed, headers);
}

/**
 * Where a redirect leads. What was meant for one server is told to no other, and not over plain HTTP either. A string says why
 * it is not followed.
 */
export function nextHop(hop: DownloadHop, location: string, mayLeaveTls: boolean): DownloadHop | string {
  if (!URL.canParse(location, hop.url.href)) return 'it was sent on to something that is no address';
  const url = new URL(location, hop.url);
  if (!isWeb(url)) return `it was sent on to a ${url.protocol} address, which is not followed`;
  if (hop.url.protocol === 'https:' && url.protocol === 'http:' && !mayLeaveTls)
    return 'it was sent on from https to http, which is followed only when there is a digest to check';
  return toHop(url, url.origin === hop.url.origin ? hop.headers : {});
}

/** Writes a hop as the script reads it, see there. */
export function writeHop({ url, headers }: DownloadHop, { caFile, maxBytes }: HopOptions): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const curl = [
    `url = ${quote(url.href)}`,
    ...lines.map((line) => `header = ${quote(line)}`),
    ...(caFile === undefined ? [] : [`cacert = ${quote(caFile)}`]),
    // 0 would be no limit.
    ...(maxBytes === undefined || maxBytes === 0 ? [] : [`max-filesize = ${maxBytes}`]),
  ];
  const wget = [
    ...lines.map((line) => `header = ${line}`),
    ...(caFile === undefined ? [] : [`ca_certificate = ${caFile}`]),
  ];
  return [url.href, ...curl, '', ...wget, '', ''].join('\n');
}

/** An address for messages: the query is left out, since what signs a request often stands there. */
export function showUrl(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`;
}

/** Takes out of a tool's words what must not be told. */
export function redact(text: string, { url, headers }: DownloadHop): string {
  let shown = text.replaceAll(url.href, showUrl(url));
  const secrets = Object.values(headers).flatMap((value) => [value, value.replace(/^\S+ /, '')]);
  for (const secret of [url.search, ...secrets]) if (secret.length > 1) shown = shown.replaceAll(secret, '…');
  return shown;
}

/** Checks the path of certificates. */
export function checkCaFile(path: string): void {
  if (!isAbsolute(path) || /\p{Cc}|\s$/u.test(path)) throw new TypeError('caFile must be an absolute path');
}

function toHop(address: URL, headers: Readonly<Record<string, string>>): DownloadHop {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  url.hash = '';
  if (address.username + address.password === '') return { url, headers };
  // Given as a header: one way for every tool, and none of them sends it on to another server.
  const login = `${decodeURIComponent(address.username)}:${decodeURIComponent(address.password)}`;
  return { url, headers: { ...headers, Authorization: `Basic ${Buffer.from(login).toString('base64')}` } };
}

function isWeb({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:';
}

function quote(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\t', '\\t')}"`;
}
