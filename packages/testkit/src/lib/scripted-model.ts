import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { writeReply } from './scripted-model-reply.ts';
import type { ScriptedModelReply } from './scripted-model-reply.ts';
import { readScriptedModelRequest } from './scripted-model-request.ts';
import type { ScriptedModelRequest } from './scripted-model-request.ts';

/** Decides what the model answers to one request. An error it throws is answered with status 500 and its message. */
export type ModelScript = (request: ScriptedModelRequest) => ScriptedModelReply | Promise<ScriptedModelReply>;

/** Options of `startScriptedModel`. */
export interface StartScriptedModelOptions {
  /** Asked for every request of the agent itself; titles and summaries are answered by the server. */
  readonly script: ModelScript;
  /** The bearer key that a request must carry; another one, or none, is answered with 401. @default none is needed */
  readonly apiKey?: string;
  /** Ask the script for titles and summaries too. @default false */
  readonly scriptsSideRequests?: boolean;
  /** Port on 127.0.0.1, for a test that starts it again at the same place. @default chosen by the system */
  readonly port?: number;
}

/** A running scripted model. */
export interface ScriptedModel extends AsyncDisposable {
  /** Without a trailing slash and without `/v1`: `http://127.0.0.1:40123`. */
  readonly url: string;
  /** Everything it was asked, in the order of arrival, also what was refused for its key. */
  readonly requests: readonly ScriptedModelRequest[];
  /** The first request, past or to come, that `matches`; rejects when the model is closed before. */
  waitForRequest(matches: (request: ScriptedModelRequest) => boolean): Promise<ScriptedModelRequest>;
  /** Ends open answers and stops listening. Idempotent. */
  close(): Promise<void>;
}

interface Waiter {
  readonly matches: (request: ScriptedModelRequest) => boolean;
  readonly resolve: (request: ScriptedModelRequest) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Starts an OpenAI-compatible model on loopback: `POST /v1/chat/completions`, streamed or not, and `GET /v1/models`.
 * What it says is up to the script.
 */
export async function startScriptedModel(options: StartScriptedModelOptions): Promise<ScriptedModel> {
  const requests: ScriptedModelRequest[] = [];
  const waiters = new Set<Waiter>();
  const closing = new AbortController();

  function record(request: ScriptedModelRequest): void {
    requests.push(request);
    for (const waiter of waiters) {
      if (!waiter.matches(request)) continue;
      waiters.delete(waiter);
      waiter.resolve(request);
    }
  }

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const isAllowed = options.apiKey === undefined || incoming.headers.authorization === `Bearer ${options.apiKey}`;
    const path = new URL(incoming.url ?? '/', 'http://127.0.0.1').pathname;
    if (incoming.method === 'GET' && path === '/v1/models') {
      if (!isAllowed) return sendRefusal(response);
      return sendJson(response, 200, {
        object: 'list',
        data: [{ id: 'scripted', object: 'model', owned_by: 'testkit' }],
      });
    }
    if (incoming.method !== 'POST' || path !== '/v1/chat/completions') {
      return sendJson(response, 404, { error: { message: `No such path: ${path}` } });
    }
    const request = await readScriptedModelRequest(incoming, requests.length);
    record(request);
    if (!isAllowed) return sendRefusal(response);
    await writeReply(response, request, await decide(request), closing.signal);
  }

  async function decide(request: ScriptedModelRequest): Promise<ScriptedModelReply> {
    if (options.scriptsSideRequests !== true) {
      if (request.kind === 'title') return { text: 'A scripted task' };
      if (request.kind === 'summary') return { text: 'The scripted task so far: nothing worth keeping.' };
    }
    try {
      return await options.script(request);
    } catch (error) {
      return { status: 500, message: error instanceof Error ? error.message : String(error) };
    }
  }

  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      // A client that went away, or a body that is no JSON. The client sees it; nobody else is there to be told.
      if (response.headersSent) response.destroy();
      else
        sendJson(response, 400, {
          error: { message: error instanceof Error ? error.message : String(error) },
        });
    });
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  let closed: Promise<void> | undefined;
  function close(): Promise<void> {
    closed ??= new Promise((resolve) => {
      closing.abort();
      for (const waiter of waiters)
        waiter.reject(new Error('The scripted model was closed before such a request came'));
      waiters.clear();
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return closed;
  }

  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    waitForRequest(matches) {
      const past = requests.find((request) => matches(request));
      if (past !== undefined) return Promise.resolve(past);
      return new Promise((resolve, reject) => waiters.add({ matches, resolve, reject }));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function sendRefusal(response: ServerResponse): void {
  sendJson(response, 401, {
    error: {
      message: 'Incorrect API key provided',
      type: 'invalid_request_error',
      code: 'invalid_api_key',
    },
  });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
