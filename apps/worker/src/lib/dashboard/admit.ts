import { isSame } from '../ui-proxy/admit-request.ts';

/** What of a request decides whether it may pass. */
export interface RequestFacts {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`: where the page stands that asks. */
  readonly fetchSite: string | undefined;
  readonly authorization: string | undefined;
}

/** Why a request is refused. */
export interface Refused {
  readonly status: 401 | 403 | 421;
  readonly reason: string;
}

/**
 * Decides about a request for anything at all. A name that was rebound to the loopback address is told by `Host`; another page, be it
 * one of another port of this machine, by `Origin` and `Sec-Fetch-Site`.
 */
export function refuseStranger(facts: RequestFacts, port: number): Refused | undefined {
  const { host, origin } = facts;
  const own = `127.0.0.1:${port}`;
  if (host !== own) return { status: 421, reason: `This is not the address of the dashboard: http://${own}/` };
  const isForeign = origin !== undefined && origin !== `http://${own}`;
  if (isForeign) return { status: 403, reason: 'This page may not reach the dashboard.' };
  return undefined;
}

/** Decides about a request for what only the holder of the token may see or do. */
export function refuseWithoutToken(facts: RequestFacts, token: string): Refused | undefined {
  const { authorization = '', fetchSite } = facts;
  if (fetchSite !== undefined && fetchSite !== 'same-origin') {
    return { status: 403, reason: 'This page may not reach the dashboard.' };
  }
  if (isSame(authorization, `Bearer ${token}`)) return undefined;
  return { status: 401, reason: 'Open the dashboard by the link that optio serve has printed.' };
}
