import { SCRIPTED_MODEL, startScriptedModel, taskScript } from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel } from '@optio-ts/testkit';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openBrowser, takePicture } from '../testing/open-browser.ts';
import { startDashboard } from '../testing/start-dashboard.ts';
import type { TestDashboard } from '../testing/start-dashboard.ts';

const KEY = 'sk-of-the-scripted-model';
// A session takes some six seconds on an idle machine, and ten times as long on one that is busy.
const PATIENCE = { timeout: 120_000 };

let browser: Browser | undefined;
let missing: string | undefined;
let model: ScriptedModel;
let script: ModelScript;
let set: TestDashboard;

beforeAll(async () => {
  ({ browser, reason: missing } = await openBrowser());
  model = await startScriptedModel({ apiKey: KEY, script: (request) => script(request) });
  set = await startDashboard({ env: { MODEL_KEY: KEY } });
});
afterAll(async () => {
  await browser?.close();
  await set[Symbol.asyncDispose]();
  await model.close();
});

/** A page of a browser that knows nothing yet. */
async function openPage(options: Parameters<Browser['newPage']>[0] = {}): Promise<Page | undefined> {
  const page = await browser?.newPage(options);
  page?.setDefaultTimeout(PATIENCE.timeout);
  return page;
}

function taskText(more = ''): string {
  return `task: Write the report.
model: { provider: scripted, name: ${SCRIPTED_MODEL}, baseUrl: "${model.url}/v1", apiKey: env:MODEL_KEY }
${more}`;
}

/** What axe finds that matters. */
async function seriousIssues(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<{
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  }>('axe.run()');
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

describe('the dashboard, as a new user finds it', { timeout: 300_000 }, () => {
  it('leads from the link to a permission that is given and a deliverable that is opened', async (context) => {
    const page = await openPage();
    if (page === undefined) return context.skip(`needs ${missing}`);
    script = taskScript({ deliverables: { 'report.md': '# Report\n<img src=x onerror=alert(1)>\n' } });
    await page.goto(set.dashboard.url);
    await page.getByText('There are no sessions yet').waitFor();
    expect(page.url()).not.toContain('token');
    await takePicture(page, 'empty');
    await page.getByRole('link', { name: 'Start a task' }).click();
    await page.getByLabel('Task file').fill(taskText('id: first\nopencode: { permission: { bash: ask } }\n'));
    await takePicture(page, 'start');
    expect(await seriousIssues(page)).toEqual([]);
    await page.getByRole('button', { name: 'Start' }).click();
    const ask = page.getByRole('heading', { name: 'The agent asks for permission: bash' });
    await ask.first().waitFor(PATIENCE);
    await takePicture(page, 'permission');
    expect(await seriousIssues(page)).toEqual([]);
    await page.getByRole('button', { name: 'Allow always' }).click();
    await page.getByRole('button', { name: 'View report.md' }).click(PATIENCE);
    await expect.poll(() => page.getByLabel('Contents of report.md').textContent()).toContain('<img src=x');
    await page.getByText('done after').waitFor(PATIENCE);
    await takePicture(page, 'done');
    expect(await seriousIssues(page)).toEqual([]);
    await page.close();
  });
});
