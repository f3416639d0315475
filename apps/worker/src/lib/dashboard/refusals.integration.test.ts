import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { request as send } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { createSessionDocument, getSessionDocument } from '@optio-ts/seed-engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startDashboard } from '../testing/start-dashboard.ts';
import type { TestDashboard } from '../testing/start-dashboard.ts';
import { newSessionView } from './session-view.ts';

const SESSION = '65a1b2c3d4e5f60718293a4b';
const HOSTILE = 'a".html\r\nX-Evil: 1';

let set: TestDashboard;

beforeAll(async () => {
  set = await startDashboard();
  const out = join(set.directory, 'out');
  await mkdir(out);
  await writeFile(join(out, 'page.html'), '<script>alert(1)</script>');
  await symlink('/etc/passwd', join(out, 'link'));
  const view = newSessionView({ id: SESSION, taskId: 'shown', host: 'local', outputDirectory: out, at: 1 });
  set.dashboard.board.set({
    ...view,
    paths: [join(out, 'page.html'), join(out, 'link'), join(out, 'gone')],
    detail: {
      ...view.detail,
      deliverables: [HOSTILE, 'link', 'gone'].map((name) => ({ name, sizeBytes: 1, version: 1, savedOn: undefined })),
    },
  });
});
afterAll(async () => {
  await set[Symbol.asyncDispose]();
});

type Headers = Readonly<Record<string, string>>;

async function ask(
  path: string,
  { headers = {}, method = 'GET', body }: { headers?: Headers; method?: string; body?: string } = {},
): Promise<{ status: number; headers: IncomingMessage['headers']; body: string }> {
  const { port } = set.dashboard;
  const request = send({ host: '127.0.0.1', port, path, method, headers, agent: false });
  // Who is refused is not heard to the end.
  request.on('error', () => undefined).end(body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
}

const withToken = (): Headers => ({ authorization: `Bearer ${set.token}` });

describe('a dashboard that is served', () => {
  it('shows its page to anybody here, and nothing to others and in no frame', async () => {
    const { status, headers, body } = await ask('/');
    expect(status).toBe(200);
    expect(body).toContain('/page.js');
    expect(body).not.toContain(set.token);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'origin-agent-cluster': '?1',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    const policy = headers['content-security-policy'] ?? '';
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/);
    expect(policy).not.toMatch(/unsafe|https?:\/\/(?!127\.0\.0\.1:\*)/);
    expect(headers['set-cookie']).toBeUndefined();
  });

  it.each<[string, Headers, string, number]>([
    ['without a token', { authorization: '' }, '/api/hosts', 401],
    ['with a wrong token', { authorization: `Bearer ${'A'.repeat(43)}` }, '/api/hosts', 401],
    [
      'with another kind of login',
      { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` },
      '/api/hosts',
      401,
    ],
    ['from another page', { origin: 'https://evil.example' }, '/api/hosts', 403],
    ['from the page of another port', { origin: 'http://127.0.0.1:4' }, '/api/hosts', 403],
    ['from no page', { origin: 'null' }, '/api/hosts', 403],
    ['from another page, for the page', { origin: 'https://evil.example' }, '/', 403],
    ['for an image of another port', { 'sec-fetch-site': 'same-site' }, '/api/hosts', 403],
    ['for an image of another page', { 'sec-fetch-site': 'cross-site' }, '/api/hosts', 403],
    ['by a name that was rebound', { host: 'evil.example' }, '/', 421],
    ['by a name that was rebound, with the port', { host: 'evil.example:80' }, '/api/hosts', 421],
    ['by the port of another', { host: '127.0.0.1:1' }, '/', 421],
    ['by a name that others can have', { host: 'localhost' }, '/', 421],
  ])('refuses a request %s', async (_name, headers, path, status) => {
    const answer = await ask(path, { headers: { ...withToken(), ...headers } });
    expect(answer.status).toBe(status);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    expect(answer.body).not.toContain(set.token);
  });

  it('takes no token from an address', async () => {
    expect((await ask(`/api/hosts?token=${set.token}`)).status).toBe(401);
    expect((await ask(`/api/watch?session=${SESSION}&authorization=Bearer%20${set.token}`)).status).toBe(401);
  });

  it.each([
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/page.js/../../optio.db',
    '//etc/passwd',
    '/page.js%00.html',
    '/api/../optio.db',
    `/api/sessions/${SESSION}/deliverables/..%2f..%2foptio.db`,
    `/api/sessions/${SESSION}/deliverables/page.html`,
    `/api/sessions/${SESSION}/deliverables/-1`,
    `/api/sessions/${SESSION}/deliverables/constructor`,
    `/api/sessions/${SESSION}/deliverables/1`,
    `/api/sessions/${SESSION}/deliverables/2`,
    '/api/sessions/__proto__/deliverables/0',
  ])('serves nothing at %s', async (path) => {
    const answer = await ask(path, { headers: withToken() });
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain('root:');
  });

  it('gives a hostile deliverable away as bytes alone', async () => {
    const answer = await ask(`/api/sessions/${SESSION}/deliverables/0`, { headers: withToken() });
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('<script>alert(1)</script>');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="deliverable"; filename*=UTF-8''a%22.html%0D%0AX-Evil%3A%201`,
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
    });
    expect(answer.headers['x-evil']).toBeUndefined();
  });

  it.each<[string, string, number, RegExp]>([
    ['no JSON', '{', 400, /JSON/],
    ['what it does not know', '{"text":"task: x","shell":"sh"}', 409, /shell/],
    ['a text of the wrong type', '{"text":5}', 409, /text/],
    ['a task file with mistakes, all of them', '{"text":"tsak: x\\nhost: 5"}', 400, /tsak.*did you mean task.*host/],
    ['a host that nobody knows', '{"text":"task: x\\nseed: 65a1b2c3d4e5f60718293a4b","host":"a b"}', 400, /seed/],
    ['more than a task file has', `{"text":"${'a'.repeat(7_000_000)}"}`, 413, /too much/],
  ])('starts no task out of %s', async (_name, body, status, problems) => {
    const headers = { ...withToken(), 'content-type': 'application/json' };
    const answer = await ask('/api/tasks', { headers, method: 'POST', body });
    expect(answer.status).toBe(status);
    const refusal = JSON.parse(answer.body) as { problems: string[] };
    expect(refusal.problems.join(' ')).toMatch(problems);
  });

  it('shows sessions of other processes and puts down the wish that one ends', async () => {
    const { store } = set.opened;
    const { id } = await createSessionDocument(store, {
      taskId: 'elsewhere',
      agent: 'opencode',
      runId: 'r',
      host: 'build-3',
      taskDirectory: '/tasks/elsewhere',
      ownerId: 'another',
      leaseMs: 60_000,
    });
    const { port } = set.dashboard;
    const request = send({ host: '127.0.0.1', port, path: '/api/watch', headers: withToken(), agent: false });
    request.on('error', () => undefined).end();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    answer.on('error', () => undefined);
    expect(String((await once(answer, 'data'))[0])).toContain('"taskId":"elsewhere"');
    request.destroy();

    const cancel = (body: string) => ask(`/api/sessions/${id}/cancel`, { headers: withToken(), method: 'POST', body });
    expect((await cancel('{"atOnce":true}')).status).toBe(409);
    expect((await cancel('{}')).status).toBe(202);
    expect((await getSessionDocument(store, id))?.requestedCancel?.reason).toBe('cancelled in the dashboard');
    const unreached = await ask(`/api/sessions/${id}/interface`, { headers: withToken(), method: 'POST' });
    expect(unreached.status).toBe(409);
    expect(unreached.body).toContain('was not run by optio');
    for (const action of ['resume', 'recover']) {
      expect((await ask(`/api/sessions/${id}/${action}`, { headers: withToken(), method: 'POST' })).status).toBe(409);
    }
    const unknown = '000000000000000000000000';
    const missing = await ask(`/api/sessions/${unknown}/cancel`, { headers: withToken(), method: 'POST', body: '{}' });
    expect(missing.status).toBe(404);
    for (const action of ['resume', 'recover', 'interface']) {
      const none = await ask(`/api/sessions/${unknown}/${action}`, { headers: withToken(), method: 'POST' });
      expect(none.status).toBe(404);
    }
  });
});
