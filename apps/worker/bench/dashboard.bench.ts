// The dashboard with 200 sessions, in Chromium: from the link to its first paint and to the list, and from a change in this process
// to its being painted, while the other sessions go on. The bounds are those that were promised.
import { printTable } from '@optio-ts/testkit';
import type { Page } from 'playwright-core';

import { newSessionView, withLine } from '../src/lib/dashboard/session-view.ts';
import { openBrowser, takePicture } from '../src/lib/testing/open-browser.ts';
import { startDashboard } from '../src/lib/testing/start-dashboard.ts';

const SESSIONS = 200;
const LINES = 500;
const WATCHED = 3;
const OPENINGS = 5;
const UPDATES = 60;
const PAINT_BOUND_MS = 1000;
const UPDATE_BOUND_MS = 200;

const { browser, reason } = await openBrowser();
if (browser === undefined) throw new Error(`needs ${reason}`);
await using set = await startDashboard();
const { board, url } = set.dashboard;

const idOf = (number: number): string => number.toString(16).padStart(24, '0');
for (let number = 0; number < SESSIONS; number += 1) {
  let view = newSessionView({
    id: idOf(number),
    taskId: `nightly-report-${number}`,
    host: `build-${number % 7}`,
    outputDirectory: '/out',
    at: Date.now() - number * 60_000,
  });
  for (let line = 0; line < LINES; line += 1) {
    view = withLine(view, { at: Date.now(), kind: 'agent', text: `line ${line} of what the agent has to say` });
  }
  board.set({
    ...view,
    detail: { ...view.detail, state: 'live', status: 'reading the sources', percent: number % 100 },
  });
}

/** Milliseconds by the page's own clock, from its first request on. */
async function open(): Promise<{ readonly page: Page; readonly paintMs: number; readonly listMs: number }> {
  const page = await (await browser?.newContext())?.newPage();
  if (page === undefined) throw new Error('the browser has gone');
  await page.addInitScript(`
    new MutationObserver((_, observer) => {
      if (document.querySelectorAll('.row').length < ${SESSIONS}) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => { globalThis.listMs = performance.now(); }));
    }).observe(document, { childList: true, subtree: true });`);
  await page.goto(url);
  // Not `waitForFunction`: the page's policy lets nothing be evaluated in it.
  await page.evaluate(`new Promise((resolve) => {
    const look = () => {
      const isPainted = performance.getEntriesByName('first-contentful-paint').length > 0;
      if (globalThis.listMs !== undefined && isPainted) resolve();
      else setTimeout(look, 20);
    };
    look();
  })`);
  const paintMs = await page.evaluate<number>('performance.getEntriesByName("first-contentful-paint")[0].startTime');
  return { page, paintMs, listMs: await page.evaluate<number>('globalThis.listMs') };
}

/** Milliseconds from each change to the frame after the one that has it; both clocks are this machine's. */
async function updates(page: Page, where: string, change: (word: string) => void): Promise<number[]> {
  const late: number[] = [];
  for (let round = 0; round < UPDATES; round += 1) {
    const word = `${where} ${round}.`;
    // Armed before the change is made.
    const seen = page.evaluate<number>(`new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        if (!document.body.textContent.includes(${JSON.stringify(word)})) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.timeOrigin + performance.now())));
      });
      observer.observe(document.body, { childList: true, subtree: true, characterData: true });
    })`);
    await page.evaluate('1');
    const at = performance.timeOrigin + performance.now();
    change(word);
    late.push((await seen) - at);
  }
  return late;
}

const at = (times: readonly number[], share: number): string =>
  `${(times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN).toFixed(0)} ms`;
const row = (name: string, times: readonly number[], boundMs: number): string[] => [
  name,
  at(times, 0.5),
  at(times, 0.9),
  at(times, 1),
  `< ${boundMs} ms`,
];

const paints: number[] = [];
const lists: number[] = [];
for (let round = 0; round < OPENINGS; round += 1) {
  const { page, paintMs, listMs } = await open();
  paints.push(paintMs);
  lists.push(listMs);
  await page.context().close();
}

const { page } = await open();
await takePicture(page, 'many');
let beat = 0;
// Each session says something every second, but the one that is watched: its word must not be gone before it is painted.
const others = setInterval(() => {
  beat += 1;
  if (beat % SESSIONS === WATCHED) return;
  board.change(idOf(beat % SESSIONS), (view) => ({ ...view, detail: { ...view.detail, status: `step ${beat}` } }));
}, 1000 / SESSIONS);
const inList = await updates(page, 'status', (word) =>
  board.change(idOf(WATCHED), (view) => ({ ...view, detail: { ...view.detail, status: word } })),
);
await page.goto(`${url.split('#')[0]}#/session/${idOf(WATCHED)}`);
await page.getByText(`line ${LINES - 1} of`).waitFor();
const inLog = await updates(page, 'line', (word) =>
  board.change(idOf(WATCHED), (view) => withLine(view, { at: Date.now(), kind: 'agent', text: word })),
);
clearInterval(others);
await browser.close();

printTable(
  `The dashboard with ${SESSIONS} sessions, each with a change per second`,
  ['', 'median', '90 %', 'worst', 'promised'],
  [
    row('first paint', paints, PAINT_BOUND_MS),
    row('the list is painted', lists, PAINT_BOUND_MS),
    row('a change in the list', inList, UPDATE_BOUND_MS),
    row(`a line in a log of ${LINES}`, inLog, UPDATE_BOUND_MS),
  ],
);
