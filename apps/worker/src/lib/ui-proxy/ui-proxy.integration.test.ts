import { once } from 'node:events';
import { request as send } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';

import { startHttpServer } from '@optio-ts/testkit';
import type { HttpServer } from '@optio-ts/testkit';
import { afterEach, describe, expect, it } from 'vitest';

import { openUiProxy } from './open-ui-proxy.ts';
import type { UiProxy } from './open-ui-proxy.ts';

const password = 'the-password-of-this-test';
const embedder = 'http://127.0.0.1:4';
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Stage {
  readonly proxy: UiProxy;
  readonly server: HttpServer['server'];
  readonly serverPort: number;
  /** What the server got, in order. */
  readonly requests: HttpServer['requests'];
}

/** A server that plays opencode, or what an agent has put in its place, behind a proxy. */
async function stage(
  listener: RequestListener = (_request, response) => response.end('fine'),
  onEventsLost = (): void => undefined,
): Promise<Stage> {
  const started = await startHttpServer(listener);
  const { port: serverPort, requests, server } = started;
  const upstream = (): { port: number; username: string; password: string } | undefined =>
    server.listening ? { port: serverPort, username: 'opencode', password } : undefined;
  const proxy = await openUiProxy({ upstream, embedder, onEventsLost });
  closers.push(async () => {
    await proxy[Symbol.asyncDispose]();
    await started[Symbol.asyncDispose]();
  });
  return { proxy, server, serverPort, requests };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Headers = Readonly<Record<string, string>>;

async function ask(port: number, path: string, headers: Headers = {}, method = 'GET', body = ''): Promise<Answer> {
  const request = send({ host: '127.0.0.1', port, path, headers, method, agent: false });
  request.end(body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
}

/** The cookie of a browser that has shown a ticket. */
async function enter({ proxy }: Stage): Promise<string> {
  const { headers } = await ask(proxy.port, proxy.enter('/'), {
    'sec-fetch-site': 'same-site',
    'sec-fetch-mode': 'navigate',
  });
  return headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

describe('openUiProxy', () => {
  it('lets in who shows a ticket, once, and leads to the page', async () => {
    const { proxy } = await stage();
    const entrance = proxy.enter('/dGFzaw/session/ses_1?a=1&b="2"');
    expect(proxy.port).toBeGreaterThan(0);
    // Characters that do not belong into a path are none of ours.
    expect((await ask(proxy.port, entrance)).status).toBe(200);
    const fresh = proxy.enter('/dGFzaw/session/ses_1?a=1&b=2');
    const { status, headers, body } = await ask(proxy.port, fresh);
    expect(status).toBe(200);
    expect(body).toContain('content="0;url=/dGFzaw/session/ses_1?a=1&amp;b=2"');
    expect(headers['set-cookie']).toEqual([
      expect.stringMatching(/^optio-ui-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    expect((await ask(proxy.port, fresh)).status).toBe(403);
  });

  it('clears what an earlier server of the port has left, on the first visit, and what this one has, on the last', async () => {
    const set = await stage();
    const first = await ask(set.proxy.port, set.proxy.enter('/'));
    expect(first.headers['clear-site-data']).toBe('"cache", "storage"');
    const cookie = await enter(set);
    const visit = { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' };
    // The session's own page does not know it: it would log the browser out of all that is served on this machine.
    const own = { cookie, 'sec-fetch-site': 'same-origin' };
    expect((await ask(set.proxy.port, '/__optio/leave', own)).status).toBe(403);
    expect((await ask(set.proxy.port, '/__optio/leave?ticket=x', { ...own, ...visit })).status).toBe(403);
    const last = await ask(set.proxy.port, set.proxy.exit, visit);
    expect(last.headers['clear-site-data']).toBe('"cache", "cookies", "storage"');
    expect(set.requests).toHaveLength(0);
  });

  it.each(['//evil.example/', '/\\evil.example/', 'https://evil.example/', 'javascript:alert(1)'])(
    'leads nobody to %s',
    async (path) => {
      const { proxy } = await stage();
      expect((await ask(proxy.port, proxy.enter(path))).status).toBe(403);
    },
  );

  it('logs in for the browser, and tells the server nothing of it', async () => {
    const set = await stage();
    const cookie = await enter(set);
    const { port } = set.proxy;
    const headers = {
      cookie: `theme=dark; ${cookie}; optio=secret`,
      authorization: 'Bearer of-the-person',
      origin: `http://127.0.0.1:${port}`,
      referer: `http://127.0.0.1:${port}/page`,
      'sec-fetch-site': 'same-origin',
      'x-forwarded-for': '10.0.0.1',
      'x-hop': 'one connection only',
      connection: 'x-hop',
      'x-opencode-directory': '/task',
    };
    const { status, body } = await ask(port, '/session?auth_token=abc&directory=%2Ftask', headers, 'POST', '{"a":1}');
    expect([status, body]).toEqual([200, 'fine']);
    const [got] = set.requests;
    expect(got?.url).toBe('/session?directory=%2Ftask');
    expect(got?.headers).toEqual({
      authorization: `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}`,
      connection: 'keep-alive',
      'content-length': '7',
      host: `127.0.0.1:${set.serverPort}`,
      origin: `http://127.0.0.1:${set.serverPort}`,
      'x-opencode-directory': '/task',
    });
  });

  it('lets nothing through that would stay in the browser, or speak for others', async () => {
    const set = await stage((_request, response) => {
      response.writeHead(200, {
        'Set-Cookie': ['a=1', 'optio-ui-1=x'],
        'Clear-Site-Data': '"*"',
        'Service-Worker-Allowed': '/',
        'Access-Control-Allow-Origin': '*',
        'WWW-Authenticate': 'Basic realm="your password"',
        'Cache-Control': 'max-age=31536000, immutable',
        'Strict-Transport-Security': 'max-age=31536000',
        'Alt-Svc': 'h3=":443"',
        Refresh: '0;url=https://evil.example',
        NEL: '{}',
        'X-Kept': 'yes',
        'Content-Type': 'text/html',
        'Content-Security-Policy': "default-src 'self'",
      });
      response.end('page');
    });
    const { headers, body } = await ask(set.proxy.port, '/', { cookie: await enter(set) });
    expect(body).toBe('page');
    const { date: _date, 'content-security-policy': policy, ...rest } = headers;
    expect(rest).toEqual({
      'cache-control': 'no-store',
      connection: 'close',
      'content-type': 'text/html',
      'cross-origin-resource-policy': 'same-origin',
      'origin-agent-cluster': '?1',
      'permissions-policy': expect.any(String),
      'referrer-policy': 'no-referrer',
      'transfer-encoding': 'chunked',
      'x-content-type-options': 'nosniff',
      'x-kept': 'yes',
    });
    // Its own, and ours.
    expect(policy).toMatch(/^default-src 'self', default-src .*frame-ancestors 'self' http:\/\/127\.0\.0\.1:4$/);
  });

  it.each<[string, Headers | undefined, string, string, number]>([
    ['without a cookie', { cookie: '' }, '/', 'GET', 401],
    ["with another session's cookie", { cookie: 'optio-ui-1=AAAA' }, '/', 'GET', 401],
    ['from another page', { origin: 'https://evil.example' }, '/', 'POST', 403],
    ["from another session's page", { origin: 'http://127.0.0.1:4' }, '/', 'GET', 403],
    ['from no page', { origin: 'null' }, '/', 'GET', 403],
    ["for an image of another session's page", { 'sec-fetch-site': 'same-site' }, '/', 'GET', 403],
    ['for an image of another page', { 'sec-fetch-site': 'cross-site' }, '/', 'GET', 403],
    ['by a name that was rebound', { host: 'evil.example' }, '/', 'GET', 421],
    ['by the port of another', { host: '127.0.0.1:1' }, '/', 'GET', 421],
    ['for a change that does not say where it comes from', {}, '/session', 'POST', 403],
    ['for a service worker', { 'service-worker': 'script', 'sec-fetch-site': 'same-origin' }, '/sw.js', 'GET', 403],
    ['for another machine', {}, 'http://evil.example/', 'GET', 400],
  ])('refuses a request %s', async (_name, headers, path, method, status) => {
    const set = await stage();
    const answer = await ask(set.proxy.port, path, { cookie: await enter(set), ...headers }, method);
    expect(answer.status).toBe(status);
    expect(set.requests).toHaveLength(0);
    expect(JSON.stringify(answer)).not.toContain(password);
  });

  it('passes events on as they come, and the end of either side', async () => {
    const first = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const set = await stage((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n');
      void first.promise.then(() => response.write('data: 2\n\n'));
      response.on('close', () => gone.resolve());
    });
    const request = send({
      host: '127.0.0.1',
      port: set.proxy.port,
      path: '/event',
      headers: { cookie: await enter(set) },
    });
    request.on('error', () => undefined).end();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    answer.on('error', () => undefined);
    expect(String((await once(answer, 'data'))[0])).toBe('data: 1\n\n');
    first.resolve();
    expect(String((await once(answer, 'data'))[0])).toBe('data: 2\n\n');
    request.destroy();
    await gone.promise;
  });

  it('tells when a page has lost its events, and not when it has left them', async () => {
    const lost = Promise.withResolvers<void>();
    const sockets: Socket[] = [];
    const set = await stage((request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n');
      sockets.push(request.socket);
    }, lost.resolve);
    const headers = { cookie: await enter(set) };
    const listen = async (): Promise<IncomingMessage> => {
      const request = send({ host: '127.0.0.1', port: set.proxy.port, path: '/event', headers, agent: false });
      request.on('error', () => undefined).end();
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      await once(
        answer.on('error', () => undefined),
        'data',
      );
      return answer;
    };
    const left = await listen();
    left.destroy();
    await once(sockets[0] ?? left, 'close');
    await listen();
    sockets[1]?.resetAndDestroy();
    await lost.promise;
  });

  it('asks again what a kept connection has lost, and nothing that changes something', async () => {
    const used = new Set<Socket>();
    const set = await stage((request, response) => {
      const { socket } = request;
      // Closed between two requests, as a server does with one that was idle for long: the second meets its end.
      if (used.has(socket)) socket.destroy();
      else response.end('fine');
      used.add(socket);
    });
    const headers = { cookie: await enter(set), 'sec-fetch-site': 'same-origin' };
    const { port } = set.proxy;
    expect((await ask(port, '/1', headers)).body).toBe('fine');
    expect((await ask(port, '/2', headers)).body).toBe('fine');
    expect((await ask(port, '/3', headers)).body).toBe('fine');
    const before = set.requests.length;
    expect((await ask(port, '/4', headers, 'POST', 'x')).status).toBe(502);
    expect(set.requests).toHaveLength(before + 1);
  });

  it('answers with the messages of a session when its page hears what comes after them', async () => {
    const set = await stage((request, response) => {
      if (request.url === '/global/event')
        response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
      else response.end('fine');
    });
    const cookie = await enter(set);
    const { port } = set.proxy;
    const own = { cookie, 'sec-fetch-site': 'same-origin' };
    const load = (): Promise<Answer> => ask(port, '/dGFzaw/session/ses_1', { ...own, 'sec-fetch-mode': 'navigate' });
    const listen = (): void =>
      void send({ host: '127.0.0.1', port, path: '/global/event', headers: own, agent: false })
        .on('error', () => undefined)
        .end();
    for (const visit of [1, 2]) {
      await load();
      const messages = ask(port, '/session/ses_1/message?limit=20', own);
      // What comes after it on the same way is answered before it.
      expect((await ask(port, '/session/ses_1', own)).body).toBe('fine');
      expect((await ask(port, '/session/ses_1/message', own, 'POST', '{}')).body).toBe('fine');
      listen();
      expect((await messages).body).toBe('fine');
      const asked = set.requests.map(({ url }) => url).slice(-2);
      expect([visit, ...asked]).toEqual([visit, '/global/event', '/session/ses_1/message?limit=20']);
    }
  });

  it('lets no cut answer look whole, and says that the session is not there', async () => {
    const set = await stage((request, response) => {
      if (request.url === '/cut') response.writeHead(200, { 'Content-Length': '100' }).write('half');
      setImmediate(() => response.destroy());
    });
    const cookie = await enter(set);
    await expect(ask(set.proxy.port, '/cut', { cookie })).rejects.toThrow(/aborted|hang up/);
    expect((await ask(set.proxy.port, '/', { cookie })).status).toBe(502);
    set.server.close();
    const page = await ask(set.proxy.port, '/', {
      cookie,
      'sec-fetch-mode': 'navigate',
      'sec-fetch-site': 'same-origin',
    });
    expect([page.status, page.body]).toEqual([502, expect.stringContaining('http-equiv="refresh"')]);
  });

  it('refuses an answer in a protocol that nobody asked for', async () => {
    const set = await stage((request) => {
      request.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: evil\r\n\r\nhello');
    });
    expect((await ask(set.proxy.port, '/', { cookie: await enter(set) })).status).toBe(502);
  });

  describe('with a WebSocket', () => {
    /** Sends the head of an upgrade and returns the connection. */
    function open(port: number, headers: Headers): Socket {
      const lines = Object.entries({
        host: `127.0.0.1:${port}`,
        connection: 'Upgrade',
        upgrade: 'websocket',
        ...headers,
      });
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.write(`GET /pty HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
      return socket;
    }

    it('passes bytes both ways, also after one side has finished', async () => {
      const set = await stage();
      const served = Promise.withResolvers<string>();
      const upgrades: IncomingMessage[] = [];
      set.server.on('upgrade', (request, socket: Socket) => {
        upgrades.push(request);
        socket.allowHalfOpen = true;
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n');
        socket.write('Sec-WebSocket-Accept: yes\r\nSet-Cookie: a=1\r\n\r\nearly ');
        void text(socket).then((all) => {
          served.resolve(all);
          // Its answer to the other side's end.
          socket.end('late');
        });
      });
      const { port } = set.proxy;
      const socket = open(port, {
        cookie: await enter(set),
        origin: `http://127.0.0.1:${port}`,
        'sec-websocket-key': 'k',
      });
      socket.end('all that the browser says');
      const got = await text(socket);
      expect(await served.promise).toBe('all that the browser says');
      expect(got).toMatch(/^HTTP\/1\.1 101 [^]*Sec-WebSocket-Accept: yes\r\n\r\nearly late$/);
      expect(got).not.toContain('Set-Cookie');
      expect(upgrades[0]?.headers).toMatchObject({
        origin: `http://127.0.0.1:${set.serverPort}`,
        'sec-websocket-key': 'k',
        upgrade: 'websocket',
      });
    });

    it.each<[string, Headers]>([
      ['from another page', { origin: 'http://127.0.0.1:4' }],
      ['without a cookie', { cookie: '' }],
      ['for another protocol', { upgrade: 'h2c' }],
    ])('refuses one %s', async (_name, headers) => {
      const set = await stage();
      const { port } = set.proxy;
      const socket = open(port, { cookie: await enter(set), origin: `http://127.0.0.1:${port}`, ...headers });
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 40[013] /);
      expect(set.requests).toHaveLength(0);
    });

    it('passes a refusal on', async () => {
      const set = await stage();
      set.server.on('upgrade', (_request, socket: Socket) => {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      });
      const { port } = set.proxy;
      const socket = open(port, { cookie: await enter(set), origin: `http://127.0.0.1:${port}` });
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 403 /);
    });
  });
});
