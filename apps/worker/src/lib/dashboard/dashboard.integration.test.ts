import { readdir, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { listSessionDocuments, renewSessionLease } from '@optio-ts/seed-engine';
import { logLines, runCommand, startLink, startScriptedModel, startSshd, taskScript } from '@optio-ts/testkit';
import type { ModelScript, ScriptedModel, Sshd } from '@optio-ts/testkit';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ConfiguredHost } from '../config/worker-config.ts';
import { openBrowser, takePicture } from '../testing/open-browser.ts';
import { scriptedTaskLines } from '../testing/scripted-task.ts';
import { startDashboard } from '../testing/start-dashboard.ts';
import type { TestDashboard } from '../testing/start-dashboard.ts';
import { startOptio } from '../testing/start-optio.ts';
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
${scriptedTaskLines(model.url, 'env:MODEL_KEY')}${more}`;
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

const QUESTION = {
  question: 'Which colour?',
  header: 'Colour',
  options: ['Blue', 'Green'].map((label) => ({ label, description: `${label} it is` })),
};

/** Wants to do what it may not, asks a person, then does the task; resumed, it is done at once. */
function curiousScript(): ModelScript {
  const task = taskScript({ deliverables: { 'report.md': '# Report\n<img src=x onerror=alert(1)>\n' } });
  return (request) => {
    const { messages, step } = request;
    if (messages.filter(({ role }) => role === 'user').length > 1)
      return step === 0 ? { toolCalls: [logLines(['DONE: went on'])] } : { text: 'Done.' };
    if (step === 0) return { toolCalls: [runCommand('rm -rf build')] };
    if (step === 1) return { toolCalls: [{ name: 'question', arguments: { questions: [QUESTION] } }] };
    return task({ ...request, step: step - 2, messages: messages.slice(4) });
  };
}

describe('the dashboard, as a new user finds it', { timeout: 300_000 }, () => {
  it('leads from the link to what the agent wants to know, a deliverable that is opened, and on from there', async (context) => {
    const page = await openPage();
    if (page === undefined) return context.skip(`needs ${missing}`);
    script = curiousScript();
    await page.goto(set.dashboard.url);
    await page.getByText('There are no sessions yet').waitFor();
    expect(page.url()).not.toContain('token');
    await takePicture(page, 'empty');
    await page.getByRole('link', { name: 'Start a task' }).click();
    const rules = 'opencode: { permission: { bash: ask, question: allow } }\n';
    await page.getByLabel('Task file').fill(taskText(`id: first\n${rules}`));
    await takePicture(page, 'start');
    expect(await seriousIssues(page)).toEqual([]);
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText('rm -rf build').first().waitFor(PATIENCE);
    await takePicture(page, 'permission');
    expect(await seriousIssues(page)).toEqual([]);
    await page.getByLabel('What to do instead').fill('Ask me first.');
    await page.getByRole('button', { name: 'Reject' }).click();

    // By keyboard alone.
    await page.getByRole('radio', { name: 'Green' }).focus();
    await page.keyboard.press('Space');
    await takePicture(page, 'question');
    expect(await seriousIssues(page)).toEqual([]);
    await page.keyboard.press('Enter');
    const ask = page.getByRole('heading', { name: 'The agent asks for permission: bash' });
    await ask.waitFor(PATIENCE);
    await page.getByRole('button', { name: 'Allow always' }).press('Enter');
    await page.getByRole('button', { name: 'View report.md' }).waitFor(PATIENCE);
    await expect.poll(() => page.evaluate('document.activeElement.id'), PATIENCE).toBe('main');
    await page.getByRole('button', { name: 'View report.md' }).press('Enter', PATIENCE);
    await expect.poll(() => page.getByLabel('Contents of report.md').textContent()).toContain('<img src=x');
    await page.getByText('done after').waitFor(PATIENCE);
    await takePicture(page, 'done');
    expect(await seriousIssues(page)).toEqual([]);
    const told = model.requests
      .at(-1)
      ?.messages.map(({ text }) => text)
      .join('\n');
    expect(told).toMatch(/Ask me first\.[^]*Green/);

    // What was always allowed was so for that run.
    await page.getByRole('button', { name: 'Resume' }).press('Enter');
    await page.getByRole('button', { name: 'Allow once' }).press('Enter', PATIENCE);
    await page.getByText('done after').waitFor(PATIENCE);
    await page.getByText('went on').first().waitFor();
    await page.close();
  });
});

describe('a session of another process, over SSH', { timeout: 400_000 }, () => {
  it("is watched, driven in opencode's own page, also after a lost link, and taken up when its process is gone", async (context) => {
    const page = await openPage();
    if (page === undefined) return context.skip(`needs ${missing}`);
    const { sshd, reason } = await startSshd();
    if (sshd === undefined) return context.skip(`needs ${reason}`);
    await using _ = sshd;
    await using link = await startLink({ targetPort: sshd.port });
    const env = { MODEL_KEY: KEY };
    await using there = await startDashboard({ env, config: (directory) => farConfig(directory, sshd, link.port) });
    const { directory } = there;
    const { hosts } = farConfig(directory, sshd, link.port);
    await writeFile(join(directory, 'config.yaml'), configText(directory, hosts));
    await writeFile(join(directory, 'task.yaml'), taskText('id: far-away\nhost: far\n'));
    script = ({ prompt, step }) => {
      if (prompt.includes('who are you')) return { text: 'I am the scripted model.' };
      // Says nothing until a person does.
      if (!prompt.includes('deliver')) return { text: 'Waiting.' };
      const file = 'deliverables/big.bin';
      if (step === 0)
        return { toolCalls: [runCommand(`mkdir -p deliverables; head -c ${BIG_BYTES} /dev/zero > ${file}`)] };
      return step === 1 ? { toolCalls: [logLines([`DELIVERABLE: ${file}`])] } : { text: 'Delivered.' };
    };
    const other = startOptio(['run', 'task.yaml', '--config', 'config.yaml'], { directory, env });
    await using _other = { [Symbol.asyncDispose]: async () => (other.kill('SIGKILL'), void (await other.exited)) };

    await page.goto(there.dashboard.url);
    await page.getByRole('link', { name: 'far-away' }).click(PATIENCE);
    await page.getByText('run by another process').waitFor();
    await page.getByRole('link', { name: 'Open opencode' }).click(PATIENCE);
    const frame = page.frameLocator('iframe');
    await frame.getByText('Waiting.').first().waitFor(PATIENCE);
    await takePicture(page, 'opencode');
    link.cut();
    await page.getByText('The connection was lost meanwhile').waitFor(PATIENCE);
    await page.getByRole('button', { name: 'Load again' }).click();
    const say = async (words: string): Promise<void> => {
      await frame.getByRole('textbox').first().fill(words, PATIENCE);
      await frame.getByRole('textbox').first().press('Enter');
    };
    await frame.getByText('Waiting.').first().waitFor(PATIENCE);
    await say('who are you');
    await frame.getByText('I am the scripted model.').first().waitFor(PATIENCE);
    await takePicture(page, 'opencode-driven');

    other.kill('SIGKILL');
    await other.exited;
    const { store } = there.opened;
    for await (const document of listSessionDocuments(store, { taskId: 'far-away' }))
      await renewSessionLease(store, document, { leaseMs: 1, now: new Date(0) });
    await page.getByRole('link', { name: 'Back to the session' }).click();
    await page.getByRole('button', { name: 'Take it up here' }).waitFor();
    await takePicture(page, 'left');
    expect(await seriousIssues(page)).toEqual([]);
    await page.getByRole('button', { name: 'Take it up here' }).press('Enter');
    await page.getByText('it is followed again from here').waitFor(PATIENCE);
    await page.getByRole('link', { name: 'Open opencode' }).click(PATIENCE);
    await frame.getByText('I am the scripted model.').first().waitFor(PATIENCE);

    // Cancelled in the middle of a deliverable: it is there whole, or not at all.
    link.resetCounts();
    await say('deliver');
    await expect.poll(() => link.counts().bytesToClient, PATIENCE).toBeGreaterThan(BIG_BYTES / 8);
    link.halfOpen();
    await page.getByRole('link', { name: 'Back to the session' }).click();
    await page.getByRole('button', { name: 'Cancel' }).press('Enter');
    await page.getByText('Ending in good order').waitFor();
    link.mend();
    await page.getByText('cancelled after').waitFor(PATIENCE);
    await takePicture(page, 'cancelled');
    const saved = await readdir(join(directory, 'optio-out', 'far-away'));
    for (const name of saved) {
      expect(name).toBe('big.bin');
      expect((await stat(join(directory, 'optio-out', 'far-away', name))).size).toBe(BIG_BYTES);
    }
    await page.close();
  });
});

const BIG_BYTES = 64 * 1024 * 1024;

/** The machine that a test reaches over a link. */
function farConfig(
  directory: string,
  sshd: Sshd,
  port: number,
): { readonly hosts: ReadonlyMap<string, ConfiguredHost> } {
  const far: ConfiguredHost = {
    name: 'far',
    ssh: `${sshd.user}@127.0.0.1:${port}`,
    hostKeys: [sshd.hostKeys[0]?.fingerprint ?? ''],
    knownHosts: undefined,
    acceptNew: false,
    identityFile: sshd.privateKeyFile,
    passphrase: undefined,
    password: undefined,
    taskRoot: join(directory, 'tasks'),
    // This machine's own: what is installed there is not installed again.
    cacheDirectory: process.env['OPENCODE_CACHE_DIR'] ?? join(homedir(), '.cache/optio-opencode/bin'),
    confine: undefined,
  };
  return { hosts: new Map([['far', far]]) };
}

/** The same for another process, as a file. */
function configText(directory: string, hosts: ReadonlyMap<string, ConfiguredHost>): string {
  const written = Array.from(hosts.values(), ({ name, ssh, hostKeys, identityFile, taskRoot, cacheDirectory }) => [
    name,
    { ssh, hostKey: hostKeys, identityFile, taskRoot, cacheDirectory },
  ]);
  const places = { store: join(directory, 'optio.db'), identity: join(directory, 'identity.txt') };
  return JSON.stringify({ ...places, hosts: Object.fromEntries(written) as unknown });
}

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
