import type { Refusal, WatchMessage } from '../protocol.ts';

/** What the dashboard refused, or that it could not be asked. */
export class ApiError extends Error {
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  readonly problems: readonly string[];

  constructor(status: number, problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ApiError';
    this.status = status;
    this.problems = problems;
  }
}

/** Says the token with each request. */
export class Api {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  async get<Answer>(path: string): Promise<Answer> {
    return (await (await this.#send(path, {})).json()) as Answer;
  }

  async post<Answer>(path: string, body: object = {}): Promise<Answer> {
    return (await (await this.#send(path, { method: 'POST', body: JSON.stringify(body) })).json()) as Answer;
  }

  async blob(path: string): Promise<Blob> {
    return (await this.#send(path, {})).blob();
  }

  /** What is at a path, or its beginning where there is more of it. */
  async start(path: string, mostBytes: number): Promise<{ readonly blob: Blob; readonly isWhole: boolean }> {
    const reader = (await this.#send(path, {})).body?.getReader();
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (let size = 0; reader !== undefined;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      size += value.length;
      if (size <= mostBytes) continue;
      await reader.cancel();
      return { blob: new Blob(chunks).slice(0, mostBytes), isWhole: false };
    }
    return { blob: new Blob(chunks), isWhole: true };
  }

  /** Calls with each message until `signal`, or until the connection is lost. `onLife` hears that it lives. */
  async watch(
    sessionId: string | undefined,
    { onMessage, signal }: { readonly onMessage: (message: WatchMessage) => void; readonly signal: AbortSignal },
  ): Promise<void> {
    const query = sessionId === undefined ? '' : `?session=${encodeURIComponent(sessionId)}`;
    const response = await this.#send(`/api/watch${query}`, { signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (reader === undefined) return;
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') onMessage(JSON.parse(line) as WatchMessage);
    }
  }

  async #send(path: string, options: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(path, {
        ...options,
        headers: {
          Authorization: `Bearer ${this.#token}`,
          ...(options.body !== undefined && { 'Content-Type': 'application/json' }),
        },
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new ApiError(0, ['The dashboard does not answer. Does optio serve still run?']);
    }
    if (response.ok) return response;
    const refusal = (await response.json().catch(() => undefined)) as Refusal | undefined;
    throw new ApiError(response.status, refusal?.problems ?? [`Refused with ${response.status}`]);
  }
}

/** What went wrong, for people. */
export function problemsOf(error: unknown): readonly string[] {
  if (error instanceof ApiError) return error.problems;
  return [error instanceof Error ? error.message : String(error)];
}
