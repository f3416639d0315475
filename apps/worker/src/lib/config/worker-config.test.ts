import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { TaskFileError } from '../task-file-problem.ts';
import { loadConfig } from './worker-config.ts';
import type { WorkerConfig } from './worker-config.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-config-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function load(text: string): Promise<WorkerConfig> {
  const path = join(directory, 'config.yaml');
  await writeFile(path, text);
  return loadConfig({ path, named: 'config.yaml', env: { HOME: '/home/nobody' } });
}

async function problemsOf(text: string): Promise<string> {
  const error = await load(text).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TaskFileError);
  if (!(error instanceof TaskFileError)) return '';
  expect(error.code).toBe('CONFIG_INVALID');
  return error.message;
}

describe('loadConfig', () => {
  it('reads hosts, keys and hooks, with paths from where the file is', async () => {
    const config = await load(`store: ~/optio.db
hosts:
  build-3: { ssh: alice@build-3, identityFile: ~/.ssh/build, taskRoot: /srv/optio, confine: required }
  plain: {}
keys: { anthropic: env:ANTHROPIC_API_KEY }
hooks: { notify: hooks/notify.mjs }
`);
    expect(config).toMatchObject({ isThere: true, store: '~/optio.db', directory });
    expect(config.hosts.get('build-3')).toMatchObject({
      ssh: 'alice@build-3',
      identityFile: '/home/nobody/.ssh/build',
      taskRoot: '/srv/optio',
      confine: 'required',
      acceptNew: false,
      hostKeys: [],
    });
    expect(config.hosts.get('plain')?.ssh).toBe('plain');
    expect(config.keys.get('anthropic')).toEqual({ reference: { kind: 'env', name: 'ANTHROPIC_API_KEY' }, directory });
    expect(config.hooks.get('notify')).toBe(join(directory, 'hooks/notify.mjs'));
  });

  it('reads how long what has ended is kept', async () => {
    expect((await load('retention: 90d\n')).retentionMs).toBe(90 * 86_400_000);
    expect((await load('')).retentionMs).toBeUndefined();
    expect(await problemsOf('retention: 30\n')).toMatch(/^config.yaml:1: retention: .*an age such as 30d/);
    expect(await problemsOf('retention: soon\n')).toMatch(/must be an age such as/);
  });

  it('takes no file and an empty one for a configuration that says nothing', async () => {
    const nobody = await loadConfig({ path: join(directory, 'none'), named: undefined, env: {} });
    expect(nobody).toMatchObject({ isThere: false, store: undefined });
    expect((await load('# nothing yet\n')).hosts.size).toBe(0);
  });

  it.each([
    ['hsots: {}', 'config.yaml:1: hsots: is not a field here; did you mean hosts?'],
    ['hosts:\n  a: { shh: x }', 'config.yaml:2: hosts.a.shh: is not a field here; did you mean ssh?'],
    ['hosts: { local: {} }', 'config.yaml:1: hosts.local: is this machine; choose another name'],
    ['hosts: { a: { taskRoot: / } }', 'config.yaml:1: hosts.a.taskRoot: must be an absolute path, and not /'],
    [
      'hosts: { a: { hostKey: x, acceptNew: true } }',
      'config.yaml:1: hosts.a.hostKey: decides alone; leave knownHosts and acceptNew out',
    ],
    ['keys: { a: sk-literal }', expect.stringMatching(/^config\.yaml:1: keys\.a: holds a value where a reference/)],
    ['keys: { a: key:b }', 'config.yaml:1: keys.a: must be env:NAME or file:PATH'],
    ['hooks: { ../x: y }', expect.stringContaining('a name consists of letters')],
    ['- a', expect.stringContaining('config.yaml:1:')],
  ])('refuses %j', async (text, message) => {
    expect(await problemsOf(text)).toEqual(message);
  });

  it('refuses a file that was named and is not there', async () => {
    const path = join(directory, 'none.yaml');
    await expect(loadConfig({ path, named: 'none.yaml', env: {} })).rejects.toThrow(
      'none.yaml:1: cannot be read: there is no such file or directory',
    );
  });
});
