import { setTimeout as delay } from 'node:timers/promises';

import { OpencodeError, OpencodeRequestError } from './errors.ts';
import { redact } from './redact.ts';

/** Where a server is reached and how one logs in. */
export interface TransportOptions {
  /** On 127.0.0.1 of this machine. */
  readonly port: number;
  readonly password: string;
  /** Values to cover in what the server answers, beside the password. */
  readonly secrets: readonly string[];
  /** For messages: where the server runs. */
  readonly host: string;
}

/** Rules of one request. */
interface SendOptions {
  /** Milliseconds until the whole answer must be there, or, of one that is streamed, its beginning. */
  readonly timeoutMs: number;
  readonly abortSignal?: AbortSignal | undefined;
  /** How often a request is sent at most; again only where that cannot do a thing twice. @default 4 */
  readonly attempts?: number;
}

/** HTTP to one server: authenticated, bounded in time, and with errors that say what the server said. */
export interface Transport {
  readonly baseUrl: string;
  /** Sends a request and returns the whole answer of a server that liked it. */
  send(request: Request, options: SendOptions): Promise<Response>;
  /** The same with the body still to be read; it must be read to its end or cancelled. */
  open(request: Request, options: SendOptions): Promise<Response>;
}

/** A request that got no answer. Whether it did something is known only where it was never sent. */
export class OpencodeConnectionError extends OpencodeError {
  /** Whether the server may have received it. */
  readonly mayHaveArrived: boolean;

  static {
    this.prototype.name = 'OpencodeConnectionError';
  }

  constructor(message: string, mayHaveArrived: boolean, options?: ErrorOptions) {
    super('CONNECTION_FAILED', message, options);
    this.mayHaveArrived = mayHaveArrived;
  }
}

const USER = 'opencode';
const MAXIMUM_ERROR_BYTES = 16 * 1024;

/** Creates the transport of a client. */
export function createTransport(options: TransportOptions): Transport {
  const authorization = `Basic ${Buffer.from(`${USER}:${options.password}`).toString('base64')}`;
  const secrets = [...options.secrets, options.password];

  async function sendOnce(request: Request, abortSignal: AbortSignal, isStreamed: boolean): Promise<Response> {
    const what = describeRequest(request);
    const headers = new Headers(request.headers);
    headers.set('authorization', authorization);
    let response: Response;
    let body: Uint8Array | undefined;
    try {
      response = await fetch(new Request(request, { headers, signal: abortSignal, redirect: 'error' }));
      if (response.ok && !isStreamed) body = await response.bytes();
    } catch (error) {
      if (abortSignal.aborted) throw error;
      const code = codeOf(error);
      const reason = `opencode on ${options.host} cannot be reached for ${what}: ${code ?? 'connection lost'}`;
      throw new OpencodeConnectionError(reason, code !== 'ECONNREFUSED', { cause: error });
    }
    if (response.ok) {
      // Unknown paths are answered with the page of the web interface.
      if ((response.headers.get('content-type') ?? '').startsWith('text/html')) {
        await response.body?.cancel().catch(() => undefined); // read already, or not worth reading
        throw new OpencodeError(
          'RESPONSE_INVALID',
          `opencode on ${options.host} does not know ${what}: is this a supported version?`,
        );
      }
      if (body === undefined) return response;
      return new Response(hasNoBody(response.status) ? null : Buffer.from(body), {
        status: response.status,
        headers: response.headers,
      });
    }
    const text = redact(await readStart(response), secrets);
    throw requestError(
      `opencode on ${options.host} refuses ${what} with status ${response.status}`,
      response.status,
      text,
    );
  }

  async function send(request: Request, rules: SendOptions, isStreamed: boolean): Promise<Response> {
    // Not AbortSignal.timeout: a streamed answer that has begun is no longer bound by it.
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), rules.timeoutMs);
    const abortSignal =
      rules.abortSignal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, rules.abortSignal]);
    const attempts = rules.attempts ?? 4;
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await sendOnce(attempt < attempts ? request.clone() : request, abortSignal, isStreamed);
        } catch (error) {
          if (rules.abortSignal?.aborted === true) {
            throw new OpencodeError('ABORTED', `Aborted: ${describeRequest(request)}`, { cause: error });
          }
          if (timeout.signal.aborted) {
            const reason = `opencode on ${options.host} did not answer ${describeRequest(request)} within ${rules.timeoutMs / 1000} s`;
            throw new OpencodeError('REQUEST_TIMEOUT', reason, { cause: error });
          }
          if (!(error instanceof OpencodeConnectionError) || attempt >= attempts) throw error;
          if (error.mayHaveArrived && request.method !== 'GET') throw error;
        }
        await delay(150 * attempt, undefined, { signal: abortSignal }).catch(() => undefined); // aborted: the next attempt says so
      }
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    baseUrl: `http://127.0.0.1:${options.port}`,
    send: (request, rules) => send(request, rules, false),
    open: (request, rules) => send(request, rules, true),
  };
}

/** Without the query, which holds the directory. */
function describeRequest(request: Request): string {
  return `${request.method} ${new URL(request.url).pathname}`;
}

function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

function requestError(message: string, status: number, body: string): OpencodeRequestError {
  if (/"Config(?:Json|Invalid)Error"/.test(body))
    return new OpencodeRequestError('CONFIG_INVALID', message, { status, body });
  if (status === 404 && /[Ss]ession not found/.test(body))
    return new OpencodeRequestError('SESSION_NOT_FOUND', message, { status, body });
  return new OpencodeRequestError('REQUEST_FAILED', message, { status, body });
}

/** Node's fetch hides the reason in `cause`, and for more than one address in `cause.errors`. */
function codeOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

async function readStart(response: Response): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= MAXIMUM_ERROR_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAXIMUM_ERROR_BYTES).toString('utf8');
}
