import { homedir } from 'node:os';
import { join } from 'node:path';

import { SCRIPTED_MODEL, startLink, startScriptedModel, startSshd, taskScript } from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel } from '@optio-ts/testkit';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ConfiguredHost } from '../config/worker-config.ts';
import { openBrowser, takePicture } from '../testing/open-browser.ts';
import { startDashboard } from '../testing/start-dashboard.ts';
import type { TestDashboard } from '../testing/start-dashboard.ts';
import { newSessionView, withLine } from './session-view.ts';

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

describe("opencode's own page in the dashboard", { timeout: 300_000 }, () => {
  it('shows a session over SSH, again after a lost link, and lets a person drive it', async (context) => {
    const page = await openPage();
    if (page === undefined) return context.skip(`needs ${missing}`);
    const { sshd, reason } = await startSshd();
    if (sshd === undefined) return context.skip(`needs ${reason}`);
    await using _ = sshd;
    await using link = await startLink({ targetPort: sshd.port });
    const [hostKey] = sshd.hostKeys;
    const far: ConfiguredHost = {
      name: 'far',
      ssh: `${sshd.user}@127.0.0.1:${link.port}`,
      hostKeys: [hostKey?.fingerprint ?? ''],
      knownHosts: undefined,
      acceptNew: false,
      identityFile: sshd.privateKeyFile,
      passphrase: undefined,
      password: undefined,
      taskRoot: undefined,
      // This machine's own: what is installed there is not installed again.
      cacheDirectory: process.env['OPENCODE_CACHE_DIR'] ?? join(homedir(), '.cache/optio-opencode/bin'),
      confine: undefined,
    };
    await using there = await startDashboard({ env: { MODEL_KEY: KEY }, config: { hosts: new Map([['far', far]]) } });
    // Says nothing until a person does.
    script = ({ prompt }) => ({ text: prompt.includes('who are you') ? 'I am the scripted model.' : 'Waiting.' });

    await page.goto(`${there.dashboard.url}`);
    await page.getByRole('link', { name: 'Start', exact: true }).click();
    await page.getByLabel('Task file').fill(taskText('id: far-away\n'));
    await page.getByLabel('Machine').selectOption('far');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('link', { name: 'Open opencode' }).click(PATIENCE);
    const frame = page.frameLocator('iframe');
    await frame.getByText('Waiting.').first().waitFor(PATIENCE);
    await takePicture(page, 'opencode');

    link.cut();
    await page.getByRole('button', { name: 'Load again' }).click();
    await frame.getByText('Waiting.').first().waitFor(PATIENCE);
    await frame.getByRole('textbox').first().fill('who are you');
    await frame.getByRole('textbox').first().press('Enter');
    await frame.getByText('I am the scripted model.').first().waitFor(PATIENCE);
    await takePicture(page, 'opencode-driven');
    await page.close();
  });
});

describe('the dashboard with many sessions', { timeout: 120_000 }, () => {
  const SESSIONS = 200;
  const HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=1</script>';
  const idOf = (number: number): string => number.toString(16).padStart(24, '0');

  it('is for a phone, a keyboard, the dark and whoever listens; what an agent says is text', async (context) => {
    const page = await openPage({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    if (page === undefined) return context.skip(`needs ${missing}`);
    await using many = await startDashboard();
    const { board } = many.dashboard;
    for (let number = 0; number < SESSIONS; number += 1) {
      const view = newSessionView({
        id: idOf(number),
        taskId: `task-${number}`,
        host: 'far',
        outputDirectory: '/',
        at: number,
      });
      board.set({ ...view, detail: { ...view.detail, state: 'live', status: `at ${number}`, percent: number % 100 } });
    }
    await page.goto(many.dashboard.url);
    const rows = page.getByRole('list', { name: 'Sessions' }).getByRole('listitem');
    await expect.poll(() => rows.count()).toBe(SESSIONS);
    // Whoever calls for a person comes first.
    board.change(idOf(7), (view) => ({ ...view, detail: { ...view.detail, attention: HOSTILE } }));
    await page.getByText('1 needs you').waitFor();
    await expect.poll(() => rows.first().textContent()).toContain(HOSTILE);
    const overflow = (): Promise<number> => page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(await overflow()).toBe(0);
    expect(await seriousIssues(page)).toEqual([]);
    await takePicture(page, 'phone-list');

    await page.locator('main').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'task-7', exact: true }).waitFor();
    const long = `${HOSTILE} ${'x'.repeat(300)}`;
    board.change(idOf(7), (view) => withLine(view, { at: 1, kind: 'agent', text: long }));
    await page.getByRole('log').getByText(HOSTILE).waitFor();
    expect(await overflow()).toBe(0);
    expect(await page.title()).toBe('(1) optio');
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await seriousIssues(page)).toEqual([]);
    await takePicture(page, 'phone-session');
    for (const name of ['Start', 'Seeds', 'Hosts']) {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      expect(await overflow()).toBe(0);
      expect(await seriousIssues(page)).toEqual([]);
    }
    await page.close();
  });

  it('asks for the link where there is none, or that of an earlier start', async (context) => {
    const page = await openPage();
    if (page === undefined) return context.skip(`needs ${missing}`);
    await page.goto(set.dashboard.url.replace(/token=.*/, `token=${'A'.repeat(43)}`));
    await page.getByText('of an earlier start').waitFor();
    expect(await seriousIssues(page)).toEqual([]);
    await page.getByLabel('Link').fill(set.dashboard.url);
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByRole('heading', { name: 'Sessions' }).waitFor();
    await page.close();
  });
});
