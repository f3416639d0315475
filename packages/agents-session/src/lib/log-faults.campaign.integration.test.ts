import { appendFile, mkdtemp, readFile, realpath, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { createLogProtocol } from '@optio-ts/agents-prompt';
import { openWorkspace } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { createSshHost, pinnedKey } from '@optio-ts/host-ssh';
import { startCampaign, startLink, startSshd } from '@optio-ts/testkit';
import type { Link } from '@optio-ts/testkit';
import { expect, it } from 'vitest';

import { runAgentSession } from './run-agent-session.ts';
import type { AgentSession } from './run-agent-session.ts';

const campaign = startCampaign('log faults', { sample: 10, full: 300 });
const { random, seed } = campaign;

it(
  'hears every line of a log once, in time, whatever a tool does to it and however often the link is cut',
  { timeout: 3_600_000 },
  async (ctx) => {
    const { sshd, reason } = await startSshd();
    if (!sshd) return ctx.skip(`needs ${reason}`);
    await using closing = new AsyncDisposableStack();
    closing.use(sshd);
    const link = closing.use(await startLink({ targetPort: sshd.port, delayMs: 1 }));
    const taskRoot = await mkdtemp(join(await realpath(tmpdir()), 'optio-faults-'));
    closing.defer(() => rm(taskRoot, { recursive: true, force: true }));
    const looks = { asked: 0 };
    const ssh = closing.use(
      createSshHost({ ...sshd.login, port: link.port, hostKeys: pinnedKey(...sshd.fingerprints) }),
    );
    const workspace = await openWorkspace(ssh, { taskId: 'faults', taskRoot });
    const launched = Promise.withResolvers<void>();
    const session = runAgentSession({
      host: countLooks(ssh, looks),
      workspace,
      protocol: createLogProtocol(),
      sessionId: 'faults',
      launch: () => {
        launched.resolve();
        return Promise.resolve({ exited: new Promise(() => undefined), stop: () => Promise.resolve() });
      },
    });
    const log = createLog(join(workspace.workdir, 'optio.log'), looks);
    const heard = listen(session, log, looks);
    // Before, the workdir is prepared, and the log made anew.
    await launched.promise;
    const cuts = { made: 0 };
    for (let round = 0; round < campaign.rounds; round += 1) {
      const isCut = random() < 0.5;
      log.isTimed = !isCut;
      const cut = isCut ? cutLink(link, cuts) : undefined;
      await log.play();
      await cut;
      await heard.caughtUp(`round ${round}, OPTIO_SEED=${seed}`);
      link.cutAfter('client', Number.POSITIVE_INFINITY);
    }
    await appendFile(log.path, 'DONE');
    expect(await session.result).toMatchObject({ state: 'done', problems: [] });
    await heard.over;
    expect(heard.texts, `OPTIO_SEED=${seed}`).toEqual(log.written);
    expect(new Set(heard.ids).size).toBe(heard.ids.length);
    process.stdout.write(
      `${log.written.length} lines, ${cuts.made} cuts, ${heard.interruptions} of them noticed; looks from write to event: ${JSON.stringify(heard.lateness)}\n`,
    );
    // The look that is asked for next sees it: one poll. What was written anew takes a second look, which follows at once.
    for (const late of Object.keys(heard.lateness)) {
      expect(late, JSON.stringify(heard.lateness)).toMatch(/^(?: 0|appended [01]|rewritten [012])$/);
    }
    if (campaign.rounds > 10) expect(heard.interruptions).toBeGreaterThan(campaign.rounds / 5);
  },
);

/** The host, with every look of the log's follower counted when it is asked for. */
function countLooks(host: Host, looks: { asked: number }): Host {
  return {
    ...host,
    spawn: (command, options) => {
      const stdin = options?.stdin;
      if (stdin === undefined || typeof stdin === 'string' || stdin instanceof Uint8Array)
        return host.spawn(command, options);
      const counted = async function* (): AsyncGenerator<Uint8Array, void, void> {
        for await (const chunk of stdin) {
          if (/^l/m.test(Buffer.from(chunk).toString())) looks.asked += 1;
          yield chunk;
        }
      };
      return host.spawn(command, { ...options, stdin: counted() });
    },
  };
}

async function cutLink(link: Link, cuts: { made: number }): Promise<void> {
  await delay(random() * 60);
  if (random() < 0.5) link.cutAfter('client', Math.floor(random() * 3000));
  else link.cut();
  cuts.made += 1;
}

interface Log {
  readonly path: string;
  /** Everything that was ever written, in order. */
  readonly written: readonly string[];
  /** Looks that had been asked for when a line was there; absent when the link was cut meanwhile. */
  readonly writtenAt: ReadonlyMap<string, { readonly looksBefore: number; readonly way: 'appended' | 'rewritten' }>;
  isTimed: boolean;
  /** Does one thing to the log. */
  play(): Promise<void>;
}

function createLog(path: string, looks: { readonly asked: number }): Log {
  const written: string[] = [];
  const writtenAt = new Map<string, { readonly looksBefore: number; readonly way: 'appended' | 'rewritten' }>();
  let content = '';
  const next = (): string => {
    const text = `${written.length}:${'x'.repeat(Math.floor(random() ** 4 * 9000))}`;
    written.push(text);
    return text;
  };
  const noteWritten = (way: 'appended' | 'rewritten', text: string): void => {
    if (log.isTimed) writtenAt.set(text, { looksBefore: looks.asked, way });
  };
  const ways: readonly (() => Promise<void>)[] = [
    // Appended, several at once.
    async () => {
      const texts = Array.from({ length: 1 + Math.floor(random() * 4) }, next);
      const added = texts.map((text) => `STATUS: ${text}\n`).join('');
      content += added;
      await appendFile(path, added);
      for (const text of texts) noteWritten('appended', text);
    },
    // In two halves, torn anywhere.
    async () => {
      const text = next();
      const line = Buffer.from(`STATUS: ${text}\n`);
      const half = Math.floor(random() * line.length);
      content += line.toString();
      await appendFile(path, line.subarray(0, half));
      await delay(random() * 60);
      await appendFile(path, line.subarray(half));
      noteWritten('appended', text);
    },
    // Written anew in place by a tool, with a line more, and without the last line break at first.
    async () => {
      const text = next();
      content += `STATUS: ${text}\n`;
      await writeFile(path, content.slice(0, -1));
      await delay(random() * 40);
      await appendFile(path, '\n');
      noteWritten('rewritten', text);
    },
    // The same under another name, then renamed over the log.
    async () => {
      const text = next();
      content += `STATUS: ${text}\n`;
      await writeFile(`${path}.new`, content);
      await rename(`${path}.new`, path);
      noteWritten('rewritten', text);
    },
    // Another file in its place, shorter or longer.
    async () => {
      const text = next();
      content = `STATUS: ${text}\n`;
      await writeFile(`${path}.new`, content);
      await rename(`${path}.new`, path);
      noteWritten('rewritten', text);
    },
    // Emptied and begun anew, with time for a look in between or without.
    async () => {
      const text = next();
      content = `STATUS: ${text}\n`;
      await truncate(path, 0);
      if (random() < 0.5) await delay(random() * 50);
      await appendFile(path, content);
      noteWritten('rewritten', text);
    },
    // Cut after some line, or in the middle of it, and gone on from there.
    async () => {
      const text = next();
      const ends = [...content.matchAll(/\n/g)].map(({ index }) => index + 1);
      const end = ends[Math.floor(random() * ends.length)] ?? 0;
      content = `${content.slice(0, end)}STATUS: ${text}\n`;
      await truncate(path, end);
      await appendFile(path, `STATUS: ${text}\n`);
      noteWritten('rewritten', text);
    },
    // Removed and made again.
    async () => {
      const text = next();
      content = `STATUS: ${text}\n`;
      await rm(path);
      if (random() < 0.5) await delay(random() * 50);
      await writeFile(path, content);
      noteWritten('rewritten', text);
    },
  ];
  const log: Log = {
    path,
    written,
    writtenAt,
    isTimed: false,
    play: async () => {
      await ways[Math.floor(random() * ways.length)]?.();
      expect(await readFile(path, 'utf8')).toBe(content);
    },
  };
  return log;
}

interface Listener {
  readonly texts: readonly string[];
  readonly ids: readonly string[];
  /** How many events came so many looks after their line was there. */
  readonly lateness: Readonly<Record<string, number>>;
  readonly interruptions: number;
  readonly over: Promise<void>;
  caughtUp(what: string): Promise<void>;
}

function listen(session: AgentSession, log: Log, looks: { readonly asked: number }): Listener {
  const texts: string[] = [];
  const ids: string[] = [];
  const lateness: Record<string, number> = {};
  let interruptions = 0;
  let wake: () => void = () => undefined;
  const over = (async () => {
    for await (const event of session.events) {
      if (event.type === 'status') {
        texts.push(event.message);
        ids.push(event.id);
        // Not there: the look that was under way has brought it.
        const { looksBefore = looks.asked, way = '' } = log.writtenAt.get(event.message) ?? {};
        const late = `${way} ${looks.asked - looksBefore}`;
        lateness[late] = (lateness[late] ?? 0) + 1;
      } else if (event.type === 'warning' && event.code === 'LOG_INTERRUPTED') interruptions += 1;
      wake();
    }
  })();
  return {
    texts,
    ids,
    lateness,
    over,
    get interruptions() {
      return interruptions;
    },
    caughtUp: async (what) => {
      const late = AbortSignal.timeout(60_000);
      while (texts.length < log.written.length) {
        if (late.aborted) expect({ what, heard: texts.length }).toEqual({ what, heard: log.written.length });
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), delay(1000)]);
      }
    },
  };
}
