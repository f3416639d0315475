import { timingSafeEqual } from 'node:crypto';

/** Where a browser exchanges its ticket for the cookie of one proxy. */
export const ENTRANCE = '/__optio/enter';
/** What a browser loads last: whatever the session's pages have left in it is removed. */
export const EXIT = '/__optio/leave';

/** What of a request decides whether it may pass. */
export interface RequestFacts {
  readonly method: string;
  /** As it stands in the request line. */
  readonly target: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly cookie: string | undefined;
  /** `Sec-Fetch-Site`: where the page stands that asks. */
  readonly fetchSite: string | undefined;
  /** `Sec-Fetch-Mode`. */
  readonly fetchMode: string | undefined;
  /** `Service-Worker`: sent with the script of one that is to be installed. */
  readonly serviceWorker: string | undefined;
}

/** What a proxy knows of itself. */
export interface ProxyIdentity {
  /** On the loopback interface. */
  readonly port: number;
  readonly cookieName: string;
  readonly cookieValue: string;
}

/** What becomes of a request. */
export type Admission =
  | { readonly type: 'forward'; readonly path: string }
  | { readonly type: 'enter'; readonly ticket: string; readonly path: string }
  | { readonly type: 'leave'; readonly ticket: string }
  | { readonly type: 'refuse'; readonly status: number; readonly reason: string };

/**
 * Decides about one request. Whoever gets through is a page of this very proxy, in a browser that has shown a ticket: cookies do not
 * know ports, so pages of other ports of this machine, those of other sessions among them, are told by `Origin` and `Sec-Fetch-Site`
 * (W3C Fetch Metadata), and a name that was rebound to the loopback address by `Host`.
 */
export function admitRequest(facts: RequestFacts, identity: ProxyIdentity): Admission {
  const { method, target, host, origin, fetchSite, fetchMode, serviceWorker } = facts;
  if (host !== `127.0.0.1:${identity.port}` && host !== `localhost:${identity.port}`) {
    return refuse(421, 'This is not the address of this session.');
  }
  if (!target.startsWith('/')) return refuse(400, 'Only paths are served here.');
  if (origin !== undefined && origin !== `http://${host}`) return refuse(403, 'This page may not reach this session.');
  const url = new URL(`http://${host}${target}`);
  const isNavigation = fetchMode === undefined || fetchMode === 'navigate';
  const isWelcome = method === 'GET' && isNavigation && fetchSite !== 'cross-site';
  const ticket = url.searchParams.get('ticket') ?? '';
  if (url.pathname === EXIT) {
    return isWelcome ? { type: 'leave', ticket } : refuse(403, 'Leave this session from the dashboard.');
  }
  if (url.pathname === ENTRANCE) {
    const path = url.searchParams.get('to') ?? '/';
    if (!isWelcome || !isPath(path)) return refuse(403, 'Open this session from the dashboard.');
    return { type: 'enter', ticket, path };
  }
  // A `GET` says nothing of its origin; a browser that does not say where it comes from at all may at least change nothing.
  const isOwn = fetchSite === undefined ? origin !== undefined || isHarmless(method) : isTrusted(fetchSite);
  if (!isOwn) return refuse(403, 'This page may not reach this session.');
  if (!hasCookie(facts.cookie, identity)) return refuse(401, 'Open this session from the dashboard.');
  // One that stays would answer for whatever is served at this address later.
  if (serviceWorker !== undefined) return refuse(403, 'Service workers are not installed from here.');
  // It would be a login of its own and win over ours.
  url.searchParams.delete('auth_token');
  return { type: 'forward', path: `${url.pathname}${url.search}` };
}

/** A path of this proxy, and no address of elsewhere: browsers read `//host` and `/\host` as one. */
function isPath(text: string): boolean {
  return /^\/(?![/\\])[\u0021-\u007E]*$/.test(text);
}

function isHarmless(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function isTrusted(fetchSite: string): boolean {
  return fetchSite === 'same-origin' || fetchSite === 'none';
}

function hasCookie(header: string | undefined, { cookieName, cookieValue }: ProxyIdentity): boolean {
  return (header ?? '').split(';').some((pair) => {
    const [name, ...value] = pair.trim().split('=');
    return name === cookieName && isSame(value.join('='), cookieValue);
  });
}

/** Compares in a time that tells nothing. */
export function isSame(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function refuse(status: number, reason: string): Admission {
  return { type: 'refuse', status, reason };
}
