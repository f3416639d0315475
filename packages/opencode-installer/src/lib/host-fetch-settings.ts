import getAuth from 'npm-registry-fetch/lib/auth.js';

import type { NpmSettings } from './npm-config.ts';
import type { HostFetch } from './source.ts';

/** What of npm's settings matters to a host that fetches: its credentials for the address, and what the host cannot know. */
export function hostFetchSettings(
  url: string,
  settings: NpmSettings,
  packageName?: string,
): Pick<HostFetch, 'betterHere' | 'headers'> {
  const { auth, cert, token } = getAuth(url, { ...settings, spec: packageName });
  const authorization = typeof token === 'string' ? `Bearer ${token}` : typeof auth === 'string' ? `Basic ${auth}` : '';
  const betterHere =
    cert === null || cert === undefined ? describeConnection(settings) : "npm's client certificate stays here";
  return {
    ...(authorization !== '' && { headers: { Authorization: authorization } }),
    ...(betterHere !== undefined && { betterHere }),
  };
}

function describeConnection(settings: NpmSettings): string | undefined {
  const { ca, proxy, strictSSL } = settings;
  if (typeof proxy === 'string') return "npm's proxy is this machine's";
  if (ca !== undefined && ca !== null) return "npm's certificates are this machine's";
  return strictSSL === false ? 'a host always checks certificates' : undefined;
}
