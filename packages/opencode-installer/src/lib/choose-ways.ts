import type { HostProbe } from '@optio-ts/host-core';

import type { HostFetch } from './source.ts';

/** Who fetches: the host, this machine (which pushes the bytes over the host's connection), or whichever suits. */
export type FetchMode = 'auto' | 'here' | 'host';

/** One way for the bytes. */
export type FetchWay = 'here' | 'host';

/** What decides about the ways. */
export interface ChooseWaysRequest {
  readonly fetch: FetchMode;
  /** Whether the host is this machine: the bytes need no second trip then. */
  readonly isSameMachine: boolean;
  readonly tools: HostProbe['tools'];
  readonly sendCredentials: boolean;
  /** Absent for a source that does not say how a host can fetch. */
  readonly hostFetch: Pick<HostFetch, 'betterHere' | 'format' | 'headers' | 'url'> | undefined;
}

/** The ways to try, in their order, or why the one that was asked for is none. Pure. */
export function chooseWays(
  request: ChooseWaysRequest,
): { readonly ways: readonly [FetchWay, ...FetchWay[]] } | { readonly refused: string } {
  const { fetch, hostFetch, isSameMachine } = request;
  if (fetch === 'here' || (fetch === 'auto' && (isSameMachine || hostFetch?.betterHere !== undefined))) {
    return { ways: ['here'] };
  }
  const refused = hostFetch === undefined ? 'its source only works from this machine' : hostProblem(request, hostFetch);
  if (fetch === 'auto') return { ways: refused === undefined ? ['host', 'here'] : ['here'] };
  return refused === undefined ? { ways: ['host'] } : { refused };
}

const unpackers = { binary: [], 'tar.gz': ['tar', 'gzip'], zip: ['unzip'] } as const;

function hostProblem(
  { sendCredentials, tools }: ChooseWaysRequest,
  { format, headers, url }: NonNullable<ChooseWaysRequest['hostFetch']>,
): string | undefined {
  if (tools['curl'] === undefined && tools['wget'] === undefined) return 'neither curl nor wget is there';
  const missing = unpackers[format].filter((tool) => tools[tool] === undefined);
  if (missing.length > 0) return `${missing.join(' and ')} is not there`;
  const { username, password } = new URL(url);
  const hasCredentials = Object.keys(headers ?? {}).length > 0 || username + password !== '';
  return hasCredentials && !sendCredentials
    ? 'it needs credentials, which stay on this machine unless sendCredentials is set'
    : undefined;
}
