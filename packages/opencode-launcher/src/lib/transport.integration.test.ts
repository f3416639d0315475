import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';

import { startHttpServer } from '@optio-ts/testkit';
import type { HttpServer } from '@optio-ts/testkit';
import { afterEach, describe, expect, it } from 'vitest';

import { createClient } from './create-client.ts';
import type { OpencodeClient } from './opencode-client.ts';
import { createTransport } from './transport.ts';
import type { Transport } from './transport.ts';

const password = 'the-password-of-this-test';
const servers: HttpServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

interface Stage {
  readonly transport: Transport;
  readonly client: OpencodeClient;
  readonly closed: AbortController;
  readonly requests: HttpServer['requests'];
}

/** A server that plays opencode, with its faults. */
async function stage(listener: RequestListener): Promise<Stage> {
  const server = await startHttpServer(listener);
  servers.push(server);
  const { port, requests } = server;
  const transport = createTransport({ port, password, secrets: [], host: 'build-3' });
  const closed = new AbortController();
  return {
    transport,
    client: createClient({ transport, directory: '/td/workdir', closed: closed.signal }),
    closed,
    requests,
  };
}

const json = { 'content-type': 'application/json' };

describe('createTransport', () => {
  it('logs in and reads the answer', async () => {
    const { client, requests } = await stage((_request, response) => {
      response.writeHead(200, json).end('{"healthy":true,"version":"1.2.3"}');
    });
    expect(await client.health()).toEqual({ version: '1.2.3' });
    expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from(`opencode:${password}`).toString('base64')}`);
  });

  it('reports an error answer with status and body, without the password, and does not repeat it', async () => {
    const { client, requests } = await stage((_request, response) => {
      response.writeHead(500, json).end(`{"name":"Unknown","said":"${password}"}`);
    });
    const error: unknown = await client.health().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'REQUEST_FAILED',
      status: 500,
      body: expect.stringContaining('Unknown') as string,
    });
    expect(String(error)).toContain('GET /global/health with status 500');
    expect(JSON.stringify(error) + String(error)).not.toContain(password);
    expect(requests).toHaveLength(1);
  });

  it.each([
    [404, '{"name":"NotFoundError","data":{"message":"Session not found: ses_x"}}', 'SESSION_NOT_FOUND'],
    [400, '{"name":"ConfigInvalidError","data":{"path":"/x","issues":[]}}', 'CONFIG_INVALID'],
  ])('knows the answer %d %s', async (status, body, code) => {
    const { client } = await stage((_request, response) => void response.writeHead(status, json).end(body));
    await expect(client.session('ses_x')).rejects.toMatchObject({ code });
  });

  it('takes the page of the web interface for an unknown path', async () => {
    const { client } = await stage((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>');
    });
    await expect(client.status()).rejects.toMatchObject({ code: 'RESPONSE_INVALID' });
  });

  it('repeats a question when the connection breaks', async () => {
    const { client, requests } = await stage((_request, response) => {
      if (requests.length < 3) response.destroy();
      else response.writeHead(200, json).end('{"healthy":true,"version":"1"}');
    });
    await client.health();
    expect(requests).toHaveLength(3);
  });

  it('does not repeat what does something, and says that it may have arrived', async () => {
    const { client, requests } = await stage((_request, response) => void response.destroy());
    await expect(client.createSession()).rejects.toMatchObject({ code: 'CONNECTION_FAILED', mayHaveArrived: true });
    expect(requests).toHaveLength(1);
  });

  it('knows that a refused connection carried nothing', async () => {
    const { client } = await stage((_request, response) => void response.end());
    for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
    await expect(client.createSession()).rejects.toMatchObject({ code: 'CONNECTION_FAILED', mayHaveArrived: false });
  });

  it('gives up on a server that does not answer', async () => {
    const { client } = await stage(() => undefined);
    await expect(client.health({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  it('gives up on an answer that does not end', async () => {
    const { client } = await stage((_request, response) => void response.writeHead(200, json).write('{"healthy":'));
    await expect(client.health({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  it('ends when it is aborted', async () => {
    const abort = new AbortController();
    const { client } = await stage(() => abort.abort());
    await expect(client.health({ abortSignal: abort.signal })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

async function bodyOf(
  request: IncomingMessage,
): Promise<{ readonly parts: readonly { readonly id: string; readonly text: string }[] }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as { parts: { id: string; text: string }[] };
}

describe('OpencodeClient.prompt', () => {
  /** Breaks the connection after the first prompt; `isKept` says whether that one was taken. */
  async function breakingStage(
    isKept: boolean,
    answers: readonly unknown[] = [],
  ): Promise<Stage & { readonly taken: string[] }> {
    const taken: string[] = [];
    const parts: unknown[] = [];
    let prompts = 0;
    const staged = await stage((request, response) => {
      if (request.method === 'GET') {
        const asked = parts.map((part) => ({ info: { id: 'msg_1', role: 'user' }, parts: [part] }));
        const limit = Number(new URL(request.url ?? '', 'http://stage').searchParams.get('limit'));
        response.writeHead(200, json).end(JSON.stringify([...asked, ...answers].slice(-limit)));
        return;
      }
      prompts += 1;
      const isBroken = prompts === 1;
      void bodyOf(request).then((body) => {
        if (!isBroken || isKept) {
          taken.push(body.parts[0]?.text ?? '');
          parts.push(...body.parts);
        }
        if (isBroken) response.destroy();
        else response.writeHead(204).end();
      });
    });
    return { ...staged, taken };
  }

  it('is sent again after a lost connection when it did not arrive', async () => {
    const { client, taken } = await breakingStage(false);
    await client.prompt('ses_1', { text: 'Begin.' });
    expect(taken).toEqual(['Begin.']);
  });

  it('is not sent again when it did', async () => {
    const { client, taken } = await breakingStage(true);
    await client.prompt('ses_1', { text: 'Begin.' });
    expect(taken).toEqual(['Begin.']);
  });

  it('is not sent again when it did and the agent has taken many steps since', async () => {
    const steps = Array.from({ length: 60 }, (_, n) => ({ info: { id: `msg_2${n}`, role: 'assistant' }, parts: [] }));
    const { client, taken } = await breakingStage(true, steps);
    await client.prompt('ses_1', { text: 'Begin.' });
    expect(taken).toEqual(['Begin.']);
  });
});

describe('OpencodeClient.events', () => {
  function event(type: string, properties: Record<string, unknown> = {}): string {
    return `data: ${JSON.stringify({ directory: '/td/workdir', payload: { id: 'evt_1', type, properties } })}\n\n`;
  }

  it('goes on over a new connection, and survives an event in pieces', async () => {
    const { client, requests } = await stage((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event('server.connected'));
      if (requests.length === 1) {
        const idle = event('session.idle', { sessionID: 'ses_é' });
        const bytes = Buffer.from(idle);
        const middle = idle.indexOf('é') + 1; // inside of the character
        response.write(bytes.subarray(0, middle), () => response.end(bytes.subarray(middle)));
      }
    });
    const seen: (string | undefined)[] = [];
    for await (const { type, sessionId } of client.events()) {
      seen.push(type, sessionId);
      if (seen.length === 6) break;
    }
    expect(seen).toEqual(['server.connected', undefined, 'session.idle', 'ses_é', 'server.connected', undefined]);
  });

  it('ends with the server, and when it is aborted', async () => {
    const { client, closed } = await stage((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event('server.connected'));
    });
    const abort = new AbortController();
    for await (const _event of client.events({ abortSignal: abort.signal })) abort.abort();
    for await (const _event of client.events()) closed.abort();
  });

  it('cuts the connection when nobody listens any more', async () => {
    let isCut: Promise<unknown> | undefined;
    const { client } = await stage((_request, response) => {
      isCut = once(response, 'close');
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event('server.connected'));
    });
    for await (const _event of client.events()) break;
    await isCut;
  });

  it('fails where it is refused', async () => {
    const { client } = await stage((_request, response) => void response.writeHead(401, json).end('{}'));
    await expect(client.events()[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'REQUEST_FAILED',
      status: 401,
    });
  });
});
