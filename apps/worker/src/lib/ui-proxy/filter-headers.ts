/** Names and values, alternating, as `rawHeaders` of Node has them. */
export type RawHeaders = readonly string[];

/** Of one connection only (RFC 9110 7.6.1); Node sets its own. */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** What a browser says of itself and of other pages is not the session's business. */
const keptFromServer = new Set([...hopByHop, 'authorization', 'cookie', 'forwarded', 'host', 'origin', 'referer']);

/**
 * What would outlive the page in the browser, speak for others at this address, send the browser elsewhere by itself or ask the
 * person for a password.
 */
const keptFromBrowser = new Set([
  ...hopByHop,
  'accept-ch',
  'alt-svc',
  'cache-control',
  'clear-site-data',
  'cross-origin-embedder-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'etag',
  'expires',
  'last-modified',
  'link',
  'nel',
  'origin-agent-cluster',
  'permissions-policy',
  'pragma',
  'refresh',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'set-cookie',
  'set-cookie2',
  'set-login',
  'sourcemap',
  'speculation-rules',
  'strict-transport-security',
  'supports-loading-mode',
  'www-authenticate',
  'x-frame-options',
]);

/** Where a server is and how to get in. */
export interface UpstreamLogin {
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

/** What the session's server gets to see of a request. */
export function headersForServer(raw: RawHeaders, { port, username, password }: UpstreamLogin): [string, string][] {
  const named = namedByConnection(raw);
  const kept = pairsOf(raw).filter(([name]) => {
    const key = name.toLowerCase();
    return !keptFromServer.has(key) && !named.has(key) && !/^(?:sec-fetch-|sec-ch-|x-forwarded-|proxy-)/.test(key);
  });
  // opencode refuses a WebSocket whose origin is not its own.
  if (hasHeader(raw, 'origin')) kept.push(['Origin', `http://127.0.0.1:${port}`]);
  kept.push(
    ['Host', `127.0.0.1:${port}`],
    ['Authorization', `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`],
  );
  return kept;
}

/** What the browser gets to see of an answer; `origin` is the proxy's, `embedder` that of the page it may be embedded in. */
export function headersForBrowser(
  raw: RawHeaders,
  { origin, embedder }: { readonly origin: string; readonly embedder: string },
): [string, string][] {
  const named = namedByConnection(raw);
  const kept = pairsOf(raw).filter(([name]) => {
    const key = name.toLowerCase();
    return !keptFromBrowser.has(key) && !named.has(key) && !key.startsWith('access-control-');
  });
  return [...kept, ...pageHeaders({ origin, embedder })];
}

/** Said with every answer. A second policy beside the server's own: a browser keeps both. */
export function pageHeaders({
  origin,
  embedder,
}: {
  readonly origin: string;
  readonly embedder: string;
}): [string, string][] {
  const policy = [
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'",
    // 'self' has no WebSocket in every browser.
    `connect-src 'self' ${origin.replace(/^http/, 'ws')} data: blob:`,
    "form-action 'self'",
    "base-uri 'self'",
    "object-src 'none'",
    `frame-ancestors 'self' ${embedder}`,
  ];
  return [
    ['Content-Security-Policy', policy.join('; ')],
    ['Cache-Control', 'no-store'],
    ['Cross-Origin-Resource-Policy', 'same-origin'],
    // A process of its own, where the browser has one to spare: it shares the address of the dashboard but for the port.
    ['Origin-Agent-Cluster', '?1'],
    ['Permissions-Policy', 'camera=(), display-capture=(), geolocation=(), microphone=(), usb=()'],
    ['Referrer-Policy', 'no-referrer'],
    ['X-Content-Type-Options', 'nosniff'],
  ];
}

function pairsOf(raw: RawHeaders): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) pairs.push([raw[index] ?? '', raw[index + 1] ?? '']);
  return pairs;
}

function hasHeader(raw: RawHeaders, name: string): boolean {
  return pairsOf(raw).some(([key]) => key.toLowerCase() === name);
}

/** Headers that `Connection` names are of one connection too. */
function namedByConnection(raw: RawHeaders): Set<string> {
  return new Set(
    pairsOf(raw)
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(','))
      .map((name) => name.trim().toLowerCase()),
  );
}
