import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';

import { createLogProtocol } from '@optio-ts/agents-prompt';
import { startCampaign } from '@optio-ts/testkit';
import { afterAll, expect, it } from 'vitest';

import { hostileLine, isVerdict } from '../../test/hostile-lines.ts';
import { createScriptedBench } from '../../test/scripted-agent.ts';
import type { AgentEvent } from './events.ts';
import { runAgentSession } from './run-agent-session.ts';

const bench = createScriptedBench();
afterAll(async () => bench[Symbol.asyncDispose]());

const campaign = startCampaign('log lines', { sample: 20_000, full: 1_000_000 });

/** What a text of an event must not hold: control characters, line ends, halves of characters. */
// oxlint-disable-next-line no-control-regex -- control characters must not be there
const FORBIDDEN = /[\u0000-\u0008\n-\u001f\u007f-\u009f\u2028\u2029]/;

/** Why an event is none that the grammar allows; `undefined` when it is one. */
function findFault(event: AgentEvent): string | undefined {
  for (const [key, value] of Object.entries(event)) {
    if (typeof value !== 'string' || key === 'data' || key === 'reason') continue;
    if (FORBIDDEN.test(value)) return `control character in ${key}`;
    if (!value.isWellFormed()) return `half a character in ${key}`;
    if (value.length > 65_536) return `${value.length} characters in ${key}`;
  }
  switch (event.type) {
    case 'status':
      return event.percent === undefined || (event.percent >= 0 && event.percent <= 100) ? undefined : 'percent';
    case 'browser':
      return /^https?:$/.test(new URL(event.url).protocol) ? undefined : 'scheme';
    case 'domain-message':
      return event.keyword !== '' && JSON.stringify(event.data) !== undefined ? undefined : 'domain message';
    case 'attention':
      return event.reason === '' || FORBIDDEN.test(event.reason) ? 'reason' : undefined;
    case 'deliverable-rejected':
      return event.path === '' ? 'path' : undefined;
    case 'log':
      return event.text === '' ? 'an empty note' : undefined;
    case 'done':
      return event.summary === 'the end' ? undefined : 'a DONE that nobody wrote';
    case 'ended':
      return event.outcome.reason === 'agent-done' ? undefined : `ended with ${event.outcome.reason}`;
    case 'deliverable':
    case 'error':
    case 'progress':
    case 'warning':
      return `a ${event.type} event`;
    default:
      return event satisfies never;
  }
}

it(
  'makes of random and mutated lines no event that the grammar does not allow, and holds little of them',
  { timeout: 3_600_000 },
  async () => {
    const workspace = await bench.openWorkspace();
    const saved: number[] = [];
    const { random, rounds, seed } = campaign;
    let size = 0;
    const launched = Promise.withResolvers<void>();
    const session = runAgentSession({
      host: bench.host,
      workspace,
      protocol: createLogProtocol({ browser: 'redirect' }),
      sessionId: 'lines',
      onOffset: ({ offset }) => void saved.splice(0, 1, offset),
      launch: () => {
        launched.resolve();
        return Promise.resolve({ exited: new Promise(() => undefined), stop: () => Promise.resolve() });
      },
    });

    const write = async (): Promise<void> => {
      // Before, the log is made anew.
      await launched.promise;
      const log = createWriteStream(join(workspace.workdir, 'optio.log'), { flags: 'a' });
      for (let left = rounds; left > 0;) {
        const parts: Buffer[] = [];
        for (let line = 0; line < 500 && left > 0; line += 1) {
          const bytes = hostileLine(random);
          // A file to look at is a round trip: few of them are enough.
          if (isVerdict(bytes) || (bytes.includes('DELIVERABLE:') && random() > 0.02)) continue;
          parts.push(bytes, Buffer.from('\n'));
          left -= 1;
        }
        const all = Buffer.concat(parts);
        // Torn anywhere, also inside a character.
        const at = Math.floor(random() * all.length);
        for (const part of [all.subarray(0, at), all.subarray(at)]) {
          size += part.length;
          if (!log.write(part)) await once(log, 'drain');
        }
        while (size - (saved[0] ?? 0) > 32 * 1024 * 1024) await new Promise((resolve) => setImmediate(resolve));
      }
      log.end('DONE: the end\n');
      await once(log, 'close');
    };

    const seen: Record<string, number> = {};
    let heap = 0;
    let count = 0;
    let isRunning = true;
    const writing = write();
    writing.catch(() => session.cancel());
    for await (const event of session.events) {
      const fault = event.type === 'warning' && event.code === 'EVENTS_DROPPED' ? undefined : findFault(event);
      if (fault !== undefined) expect.fail(`${fault} in ${JSON.stringify(event).slice(0, 500)} (OPTIO_SEED=${seed})`);
      seen[event.type] = (seen[event.type] ?? 0) + 1;
      count += 1;
      if (isRunning && count % 5000 === 0) heap = Math.max(heap, process.memoryUsage().heapUsed);
    }
    isRunning = false;
    await writing;
    process.stdout.write(
      `${rounds} lines, ${(size / 2 ** 20).toFixed(0)} MiB: ${JSON.stringify(seen)}, heap ${(heap / 2 ** 20).toFixed(0)} MiB\n`,
    );
    expect(seen['done']).toBe(1);
    for (const type of ['status', 'attention', 'browser', 'domain-message', 'deliverable-rejected', 'log']) {
      expect(seen[type], type).toBeGreaterThan(0);
    }
    expect(saved[0]).toBeGreaterThan(size - 1_000_000);
    // Kept are a million characters of events and the marks of 262144 lines, whatever is written.
    expect(heap / 2 ** 20).toBeLessThan(400);
  },
);
