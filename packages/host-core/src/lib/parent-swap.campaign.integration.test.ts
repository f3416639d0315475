import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { startCampaign, type Campaign } from '@optio-ts/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { shellHosts } from '../../test/shell-hosts.ts';
import { startSwapping, type SwapMode } from '../../test/swapper.ts';
import { archiveDirectory } from './archive.ts';
import { HostError } from './errors.ts';
import { followLines } from './follow-lines.ts';
import type { Bytes, Host } from './host.ts';
import { createLocalHost } from './local-host.ts';
import { openFile } from './open-file.ts';
import { hashFile, removePath, statPath } from './path-info.ts';
import { readFile } from './read-file.ts';
import { restoreDirectory } from './restore.ts';
import { openWorkspace } from './workspace.ts';
import { writeFiles } from './write-files.ts';

const secret = 'secret of somebody else\n';
const secretHash = createHash('sha256').update(secret).digest('hex');

let root: string;
let archive: Buffer;

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'optio-swap-')));
  mkdirSync(join(root, 'source/sub'), { recursive: true });
  writeFileSync(join(root, 'source/file'), 'restored\n');
  writeFileSync(join(root, 'source/sub/file'), 'restored\n');
  await using local = createLocalHost();
  archive = await readAll(archiveDirectory(local, join(root, 'source')));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function readAll(bytes: Bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* stream(bytes: Buffer): AsyncGenerator<Uint8Array, void, void> {
  yield bytes;
}

/** What is tried under attack: on `<root>/task/workdir/directory`, beneath `<root>/task`. */
interface Target {
  readonly host: Host;
  readonly directory: string;
  readonly file: string;
  readonly beneath: string;
}

const noSecret = (text: string): void => expect(text).not.toContain('secret');

const operations: Readonly<Record<string, (target: Target) => Promise<void>>> = {
  readFile: async ({ host, file, beneath }) => noSecret(String(await readFile(host, file, { beneath }))),
  openFile: async ({ host, file, beneath }) => {
    await using opened = await openFile(host, file, { beneath });
    noSecret(String(await readAll(opened.content)));
  },
  statPath: async ({ host, file, beneath }) => {
    const found = await statPath(host, file, { beneath });
    // A link itself may be looked at; what it leads to is a file of that size.
    if (found?.kind === 'file') expect(found.sizeBytes).not.toBe(secret.length);
  },
  hashFile: async ({ host, file, beneath }) => expect(await hashFile(host, file, { beneath })).not.toBe(secretHash),
  removePath: ({ host, directory, beneath }) => removePath(host, join(directory, 'sub'), { beneath }),
  writeFiles: ({ host, directory, beneath }) =>
    writeFiles(
      host,
      directory,
      [
        { path: 'sub/file', content: 'written' },
        { path: 'other', content: 'x' },
      ],
      { beneath },
    ),
  'writeFiles into what is to be made': ({ host, directory, beneath }) =>
    writeFiles(host, join(directory, 'new/deep'), [{ path: 'file', content: 'written' }], { beneath }),
  archiveDirectory: async ({ host, directory, beneath }) =>
    noSecret(String(gunzipSync(await readAll(archiveDirectory(host, join(directory, '..'), { beneath }))))),
  restoreDirectory: async ({ host, directory, beneath }) => {
    await restoreDirectory(host, directory, stream(archive), { beneath });
  },
  'restoreDirectory over what is there': async ({ host, directory, beneath }) => {
    await restoreDirectory(host, directory, stream(archive), { beneath, existing: 'keep' });
  },
  followLines: async ({ host, file, beneath }) => {
    const lines = followLines({ host, path: file, beneath }, { until: Promise.resolve(), pollMs: 10 });
    for await (const { line } of lines) noSecret(line);
  },
  openWorkspace: async ({ host, beneath }) => {
    const place = { taskRoot: join(beneath, '..'), taskId: 'task', runId: '0123456789abcdef01234567' };
    await openWorkspace(host, { ...place, fresh: 'keep' });
  },
  'openWorkspace and remove': async ({ host, beneath }) => {
    const place = { taskRoot: join(beneath, '..'), taskId: 'task', runId: '0123456789abcdef01234567' };
    const workspace = await openWorkspace(host, { ...place, fresh: 'empty' });
    await workspace.remove();
  },
};

/** Makes the task, and what lies outside with the same names. */
function prepare(): { readonly task: string; readonly outside: string } {
  const [task, outside] = [join(root, 'tasks/task'), join(root, 'outside')];
  rmSync(join(root, 'tasks'), { recursive: true, force: true });
  for (const [directory, content] of [
    [join(task, 'workdir/directory'), 'ours\n'],
    [join(outside, 'directory'), secret],
  ] as const) {
    rmSync(join(directory, '..'), { recursive: true, force: true });
    mkdirSync(join(directory, 'sub'), { recursive: true });
    writeFileSync(join(directory, 'file'), content);
    writeFileSync(join(directory, 'sub/file'), content);
    chmodSync(join(directory, 'file'), 0o640);
  }
  for (const path of [join(root, 'tasks'), task]) chmodSync(path, 0o700);
  return { task, outside };
}

/** Names, contents, modes and times of all that is outside. */
function stateOf(directory: string): Readonly<Record<string, string>> {
  const names = ['', ...readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted()];
  return Object.fromEntries(
    names.map((name) => {
      const info = lstatSync(join(directory, name));
      const content = info.isFile() ? readFileSync(join(directory, name), 'utf8') : '';
      return [name, `${info.mode.toString(8)} ${info.mtimeMs} ${content}`];
    }),
  );
}

const levels = ['task', 'directory', 'parent', 'file'] as const;

function oneOf<Item>(campaign: Campaign, items: readonly Item[]): Item {
  return items[Math.floor(campaign.random() * items.length)] as Item;
}

/**
 * What is left out: the task directory is trusted by all that take `beneath`; and busybox' own tar and rm walk through a tree by
 * names, so what they are told to read or remove must not be swapped meanwhile (the package's README says so). Of a workspace
 * that is removed, the parent lies in that tree too.
 */
function isPromised(operation: string, shell: string, level: (typeof levels)[number]): boolean {
  if (level === 'task') return operation.startsWith('openWorkspace');
  if (shell !== 'busybox') return true;
  if (operation === 'openWorkspace and remove') return level === 'file';
  return !(level === 'directory' && /^archive|remove$/.test(operation));
}

/** Tries one operation a number of times while somebody swaps a name on its way for a link that leads out. */
async function attack(
  host: Host,
  operation: string,
  level: (typeof levels)[number],
  mode: SwapMode,
  times: number,
): Promise<{ done: number; refused: number }> {
  const { task, outside } = prepare();
  const before = stateOf(outside);
  const workdir = join(task, 'workdir');
  const [name, link, leadsTo] = {
    task: [task, join(root, 'tasks/evil'), outside],
    directory: [join(workdir, 'directory'), join(task, 'evil'), join(outside, 'directory')],
    parent: [workdir, join(task, 'evil'), outside],
    file: [join(workdir, 'directory/file'), join(task, 'evil'), join(outside, 'directory/file')],
  }[level] as [string, string, string];
  symlinkSync(leadsTo, link);
  const directory = join(workdir, 'directory');
  const target = { host, directory, file: join(directory, 'file'), beneath: task };
  const ends = { done: 0, refused: 0 };
  try {
    await using _ = await startSwapping(mode, name, link);
    for (let count = 0; count < times; count += 1) {
      try {
        await operations[operation]?.(target);
        ends.done += 1;
      } catch (error) {
        if (!HostError.is(error)) throw error;
        ends.refused += 1;
      }
    }
  } finally {
    expect(stateOf(outside), 'nothing outside was written').toEqual(before);
  }
  return ends;
}

it('a link that is swapped in leads nobody out', { timeout: 3_600_000 }, async (context) => {
  const missing = shellHosts.find((shell) => shell.missing !== undefined)?.missing;
  if (missing !== undefined) context.skip(missing);
  const names = Object.keys(operations);
  const campaign = startCampaign('parents swapped for links', { sample: names.length, full: 360 });
  const all = { done: 0, refused: 0 };
  for (let round = 0; round < campaign.rounds; round += 1) {
    const operation = names[round % names.length] ?? '';
    const shell = oneOf(campaign, shellHosts);
    const level = oneOf(
      campaign,
      levels.filter((name) => isPromised(operation, shell.name, name)),
    );
    const mode = oneOf(campaign, ['exchange', 'rename'] as const);
    await using host = shell.open();
    const ends = await attack(host, operation, level, mode, 15).catch((cause: unknown) => {
      throw new Error(
        `round ${round}: ${operation} with ${shell.name}, ${level}, ${mode}, OPTIO_SEED=${campaign.seed}`,
        { cause },
      );
    });
    all.done += ends.done;
    all.refused += ends.refused;
  }
  // An attack that never comes in between, or always, shows nothing.
  expect(all.done).toBeGreaterThan(0);
  expect(all.refused).toBeGreaterThan(0);
});
