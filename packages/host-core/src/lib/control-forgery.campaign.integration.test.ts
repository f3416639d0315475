import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { lstatSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startCampaign, type Campaign } from '@optio-ts/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { isAlive, processesWith, until } from '../../test/processes.ts';
import { shellHosts } from '../../test/shell-hosts.ts';
import { HostError } from './errors.ts';
import { followLines } from './follow-lines.ts';
import type { Host } from './host.ts';
import { createRunId } from './run-id.ts';
import type { SupervisedProcess } from './supervised-process.ts';
import { findSupervised, startSupervised } from './supervised.ts';

let root: string;
let bystander: ChildProcess;

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'optio-forge-')));
  bystander = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  await once(bystander, 'spawn');
});
afterEach(() => {
  bystander.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

/** Pid and start time as a record has them. */
function identityOf(pid: number): string {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return `${pid} ${fields[19]}`;
}

/** What lies outside: all that a record has, for whoever is led here. */
function makeOutside(): string {
  const outside = join(root, 'outside');
  mkdirSync(join(outside, 'real'), { recursive: true });
  for (const directory of [outside, join(outside, 'real')]) {
    for (const name of ['state.run', 'ended.itself', 'lease.0', 'errors', 'code.3', 'record', 'file']) {
      writeFileSync(join(directory, name), `${name}\n`);
    }
    writeFileSync(join(directory, 'output'), 'secret\n');
    mkdirSync(join(directory, 'directory'));
  }
  return outside;
}

/** Names, contents and times of all below it. */
function stateOf(directory: string): Readonly<Record<string, string>> {
  const entries = readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted();
  return Object.fromEntries(
    ['', ...entries].map((name) => {
      const { mode, mtimeMs, size } = lstatSync(join(directory, name));
      return [name, `${mode} ${mtimeMs} ${size}`];
    }),
  );
}

interface Forgery {
  readonly campaign: Campaign;
  /** `<task directory>/control/real`. */
  readonly directory: string;
  readonly outside: string;
  readonly runId: string;
  /** What stood there at first. */
  readonly record: string;
}

function oneOf<Item>(campaign: Campaign, items: readonly Item[]): Item {
  return items[Math.floor(campaign.random() * items.length)] as Item;
}

/** Another line in the record's place. */
function forgeRecord({ campaign, directory, runId, record }: Forgery): string {
  const path = join(directory, 'record');
  const [, , boot = '', ...numbers] = record.trim().split(' ');
  const victims = [bystander.pid ?? 0, 1, process.pid, process.ppid].map(identityOf);
  const offByOne = (pid: number): string => `${numbers[pid]} ${Number(numbers[pid + 1]) + oneOf(campaign, [-1, 1])}`;
  const real = (pid: number): string => `${numbers[pid]} ${numbers[pid + 1]}`;
  const garbage = [
    '-1 0',
    '0 0',
    '99999999999999999999 1',
    '4194304 18446744073709551615',
    '0x1 1',
    '$(id) *',
    ' ',
    '1e3 -5',
  ];
  const identity = (pid: number): string =>
    oneOf(campaign, [oneOf(campaign, victims), oneOf(campaign, garbage), offByOne(pid), real(pid)]);
  const words = [
    '1',
    oneOf(campaign, [runId, runId, createRunId(), '0', '.*']),
    oneOf(campaign, [boot, boot, '-', boot.replaceAll(/\d/g, '0'), '*']),
    identity(0),
    identity(2),
    identity(4),
  ];
  const line = oneOf(campaign, [words.join(' '), words.join(' '), 'x'.repeat(100_000), '* * * * * * * * *', '']);
  rmSync(path, { recursive: true, force: true });
  writeFileSync(path, `${line}\n`);
  return `record ${JSON.stringify(line.slice(0, 200))}`;
}

/** Something else in the place of one of the files, or a file that was not there. */
function forgeFile({ campaign, directory, outside }: Forgery): string {
  const name = oneOf(campaign, [
    'record',
    'output',
    'errors',
    'state.run',
    'lease.0',
    'ended.itself',
    'ended.lease',
    'pipe',
    'code.0',
    'exit.0',
    'exit.999',
    'exit.x',
    'exit.$(id)',
    'code.137',
    'exit.137',
    'cancelled',
    'lease.1',
  ]);
  const path = join(directory, name);
  rmSync(path, { recursive: true, force: true });
  const kind = oneOf(campaign, ['link', 'link', 'dangling', 'directory link', 'fifo', 'directory', 'device', '1 GiB']);
  if (kind === 'link') symlinkSync(join(outside, oneOf(campaign, ['file', 'state.run', 'output', 'record'])), path);
  else if (kind === 'dangling') symlinkSync(join(outside, 'new'), path);
  else if (kind === 'directory link') symlinkSync(join(outside, 'directory'), path);
  else if (kind === 'fifo') execFileSync('mkfifo', [path]);
  else if (kind === 'directory') mkdirSync(path);
  // A device node needs root; the link to one is anybody's.
  else if (kind === 'device') symlinkSync('/dev/zero', path);
  else {
    writeFileSync(path, '');
    truncateSync(path, 1024 ** 3);
  }
  return `${name} is a ${kind}`;
}

/** Leads to the outside from above. */
function forgeParent({ campaign, directory, outside }: Forgery): string {
  const above = oneOf(campaign, [directory, join(directory, '..')]);
  renameSync(above, `${above.replace(/\/$/, '')}.away`);
  symlinkSync(outside, above);
  return `${above} is a link`;
}

/** It settles, and what it says is ours. */
async function settle(promise: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('not settled within 60 s')), 60_000);
  try {
    await Promise.race([promise, late.promise]);
  } catch (error) {
    if (!HostError.is(error)) throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function readOutput(found: SupervisedProcess): Promise<void> {
  for await (const { line } of followLines(found.output, { until: Promise.resolve(), pollMs: 20 })) {
    expect(line).not.toContain('secret');
  }
}

async function nothingLeft(runId: string): Promise<void> {
  const left = (): number =>
    processesWith(`OPTIO_RUN_ID=${runId}`).length + processesWith(`OPTIO_SUPERVISOR_OF=${runId}`).length;
  await until(() => left() === 0, `processes of ${runId}`, 60_000);
}

async function playRound(campaign: Campaign, host: Host, round: number): Promise<string> {
  const task = join(root, `task-${round}`);
  mkdirSync(task);
  const outside = makeOutside();
  const real = await startSupervised(host, {
    directory: task,
    command: ['sh', '-c', 'echo ready; setsid sleep 1000 & sleep 1000'],
    id: 'real',
    leaseMs: 60_000,
  });
  const { runId } = real;
  const directory = join(task, 'control/real');
  const record = readFileSync(join(directory, 'record'), 'utf8');
  const forgery: Forgery = { campaign, directory, outside, runId, record };
  const before = stateOf(outside);
  const forged: string[] = [];
  for (let count = Math.floor(campaign.random() * 3); count >= 0; count -= 1) {
    forged.push(oneOf(campaign, [forgeRecord, forgeFile, forgeFile])(forgery));
  }
  if (campaign.random() < 0.25) forged.push(forgeParent(forgery));
  const what = forged.join('; ');
  try {
    let found: readonly SupervisedProcess[] = [];
    await settle(findSupervised(host, task, { runId }).then((list) => (found = list)));
    for (const one of [...found, real]) {
      expect(one.runId).toBe(runId);
      await settle(one.renewLease());
      await settle(readOutput(one));
    }
    // The one that was found first: it has nothing but the record to go by. What it calls ended is.
    let isConfirmed = false;
    const [forgedOne] = found;
    if (forgedOne !== undefined) {
      await settle(forgedOne.stop({ graceMs: oneOf(campaign, [0, 200]) }).then(() => (isConfirmed = true)));
      if (isConfirmed) await nothingLeft(runId);
      await settle(forgedOne.exited);
    }
    await real.stop({ graceMs: 0 });
    await nothingLeft(runId);
    await settle(real.exited);
    expect([bystander.pid ?? 0, 1].map(isAlive), 'nobody else was signalled').toEqual([true, true]);
    expect(stateOf(outside), 'nothing outside was touched').toEqual(before);
  } catch (cause) {
    throw new Error(what, { cause });
  } finally {
    await real.stop({ graceMs: 0 });
    rmSync(task, { recursive: true, force: true });
    rmSync(outside, { recursive: true, force: true });
  }
  return what;
}

it('forged records lead nobody out of the task directory', { timeout: 3_600_000 }, async (context) => {
  const campaign = startCampaign('forged control records', { sample: 3, full: 200 });
  const shells = shellHosts.filter(({ missing }) => missing === undefined);
  if (shells.length < shellHosts.length) context.skip(shellHosts.find(({ missing }) => missing)?.missing);
  for (let round = 0; round < campaign.rounds; round += 1) {
    const shell = shells[round % shells.length];
    await using host = shell?.open() as Host;
    await playRound(campaign, host, round).catch((cause: unknown) => {
      throw new Error(`round ${round} with ${shell?.name}, OPTIO_SEED=${campaign.seed}`, { cause });
    });
  }
});
