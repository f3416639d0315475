import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

import { createLocalHost } from '@optio-ts/host-core';
import { opencodeSeeds } from '@optio-ts/opencode-seeds';
import { openKeyring } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { callOptio } from './testing/call-optio.ts';
import { digestTree } from './testing/digest-tree.ts';
import { startOptio } from './testing/start-optio.ts';

let directory: string;
let seedId: string;
let ownKey: string;

/** A user's home with a store, a key, a seed, task files good and bad, and things that are not what they should be. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-wrong-'));
  const place = (path: string): string => join(directory, path);
  const model = 'model: { provider: a, name: b, baseUrl: "http://127.0.0.1:9/v1", apiKey: env:KEY }\n';
  const files: Record<string, string> = {
    'task.yaml': `task: x\n${model}`,
    'broken.yaml': 'task: "x\n',
    'typo.yaml': `tsak: x\ntask: x\n${model}`,
    'literal.yaml': 'task: x\nmodel: { provider: a, name: b, apiKey: sk-literal }\n',
    'no-variable.yaml': 'task: x\nmodel: { provider: a, name: b, apiKey: env:NOT_SET }\n',
    'no-key.yaml': 'task: x\nmodel: { provider: a, name: b, apiKey: key:missing }\n',
    'no-seed.yaml': 'task: x\nseed: 65a1b2c3d4e5f60718293a4b\n',
    'no-hook.yaml': `task: x\nhooks: ./missing.mjs\n${model}`,
    'empty-hook.yaml': `task: x\nhooks: ./empty.mjs\n${model}`,
    'unknown-hook.yaml': `task: x\nhooks: notify\n${model}`,
    'own-places.yaml': `task: x\ndeliverables: .\n${model}`,
    'with-files.yaml': `task: x\nfiles: directory\n${model}`,
    'no-files.yaml': `task: x\nfiles: nowhere\n${model}`,
    'lost-output.yaml': `task: x\ndeliverables: /proc/optio/out\n${model}`,
    'no-output.yaml': `task: x\ndeliverables: task.yaml/out\n${model}`,
    'empty.mjs': 'export const other = 1;\n',
    'not-a-seed': 'no seed\n',
    'not-a-store.db':
      'This is no database, but a text that is long enough to be read as the first page of one.\n'.repeat(50),
    'config-typo.yaml': 'hsots: {}\n',
    'config-broken.yaml': 'hosts: [\n',
    'config-other-key.yaml': 'identity: other-identity.txt\n',
    'config-open-key.yaml': 'identity: open-identity.txt\n',
    'config-literal.yaml': 'keys: { a: sk-literal }\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(place(name), text);
  await mkdir(place('directory'));
  await mkdir(place('empty-home'));
  await mkdir(place('home/.local/share/opencode'), { recursive: true });
  await writeFile(place('home/.local/share/opencode/auth.json'), '{"a":{"type":"api","key":"k"}}');
  await mkdir(place('.local/share/optio'), { recursive: true });
  await mkdir(place('.config/optio'), { recursive: true });

  await using host = createLocalHost();
  await using store = createSqliteStore(place('.local/share/optio/optio.db'));
  const { cipher, recipients } = await openKeyring({ store, identityPath: place('.config/optio/identity.txt') });
  ownKey = recipients[0] ?? '';
  const seeds = opencodeSeeds({ store, cipher });
  ({ id: seedId } = await seeds.capture({ host, home: place('home'), opencodeVersion: '1.18.33', model: 'a/b' }));
  // Another key, and one that others may read.
  await using other = createSqliteStore(place('other.db'));
  await openKeyring({ store: other, identityPath: place('other-identity.txt') });
  await writeFile(place('open-identity.txt'), 'AGE-SECRET-KEY-1\n');
  await chmod(place('open-identity.txt'), 0o644);
  await using newer = createSqliteStore(place('newer.db'));
  await newer.get({ name: 'x' }, 'x');
  await newer[Symbol.asyncDispose]();
  const database = new DatabaseSync(place('newer.db'));
  database.exec('PRAGMA user_version = 1000');
  database.close();
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** What is typed after `optio`, where `SEED` stands for the id of the seed; the exit code; what the one line says. */
const CALLS: readonly (readonly [call: string, code: number, line: RegExp])[] = [
  ['', 2, /^optio: name a command; optio --help lists them$/],
  ['rnu', 2, /^optio: unknown command 'rnu' \(Did you mean run\?\)$/],
  ['seeds', 2, /^optio: name a command; optio seeds --help lists them$/],
  ['help rnu', 2, /^optio: name a command/],
  ['--json ls', 2, /^optio: unknown option '--json'; options follow the command, as in optio ls --json$/],
  ['seeds lst', 2, /^optio: unknown command 'lst' \(Did you mean ls\?\)$/],
  ['run', 2, /^optio: missing required argument 'task.yaml'$/],
  ['run task.yaml other.yaml', 2, /^optio: too many arguments for 'run'/],
  ['run task.yaml --jsn', 2, /^optio: unknown option '--jsn' \(Did you mean --json\?\)$/],
  ['run task.yaml --confine maybe', 2, /Allowed choices are auto, required, off\.$/],
  ['run missing.yaml', 2, /^missing.yaml:1: cannot be read: there is no such file/],
  ["run ''", 2, /^optio: .*'' is invalid for argument 'task.yaml'. It must not be empty\.$/],
  ["pull nope ''", 2, /It must not be empty\.$/],
  ["ls --config ''", 2, /^optio: option '--config <path>' argument '' is invalid. It must not be empty\.$/],
  ['run directory', 2, /^directory:1: (?:is not a file|cannot be read: it is a directory)/],
  ['run broken.yaml', 2, /^broken.yaml:\d: a character is missing: a closing quote/],
  ['run typo.yaml', 2, /^typo.yaml:1: tsak: is not a field here; did you mean task\?$/],
  ['run literal.yaml', 2, /^literal.yaml:2: model.apiKey: holds a value where a reference belongs/],
  ['run no-variable.yaml', 2, /^no-variable.yaml:2: model.apiKey: the environment variable NOT_SET is not set; set it/],
  ['run no-key.yaml', 2, /^no-key.yaml:2: model.apiKey: the worker's configuration has no key missing; add it/],
  ['run no-seed.yaml', 2, /^no-seed.yaml:2: seed: is not in the store; optio seeds ls shows what is$/],
  ['run no-hook.yaml', 2, /^no-hook.yaml:2: hooks: .*missing.mjs cannot be loaded/],
  ['run empty-hook.yaml', 2, /^empty-hook.yaml:2: hooks: .*exports none of beforeExecute/],
  ['run unknown-hook.yaml', 2, /^unknown-hook.yaml:2: hooks: the worker's configuration has no hook notify; add it/],
  [
    'run own-places.yaml',
    2,
    /^own-places.yaml:2: deliverables: holds .*identity.txt, which a deliverable could replace/,
  ],
  ['run no-files.yaml', 2, /^no-files.yaml:2: files: cannot be read/],
  ['run no-output.yaml', 2, /^optio: cannot write to the output directory .*a part of the path is not a directory/],
  // Node's own way to make directories never ends there.
  ['run lost-output.yaml', 2, /^optio: cannot write to the output directory .*there is no such file or directory$/],
  ['run task.yaml --store /proc/optio/x.db', 5, /^optio: cannot make \/proc\/optio for the store: there is no such/],
  ['run with-files.yaml --host bad$name', 2, /^optio: "bad\$name" is no name of a host$/],
  ['run task.yaml --store redis://h/d', 2, /It must be the path of a file or a mongodb:\/\/ URL\.$/],
  ['run task.yaml --store mongodb://u:secret@h/d', 2, /mongodb:\/\/u:…@h\/d.*put the URL into OPTIO_STORE/],
  ['run task.yaml --store mongodb://', 2, /^optio: the store's mongodb:\/\/ URL cannot be used/],
  ['run task.yaml --store newer.db', 5, /^optio: .*newer\.db.*newer version/],
  ['run task.yaml --store not-a-store.db', 5, /^optio: .*not-a-store\.db/],
  ['run task.yaml --store directory', 5, /^optio: .*directory/],
  [
    'run task.yaml --store task.yaml/optio.db',
    5,
    /^optio: cannot look for .*optio.db: a part of the path is not a directory/,
  ],
  [
    'seeds ls --store mongodb://127.0.0.1:9/d?serverSelectionTimeoutMS=200',
    5,
    /^optio: the store's MongoDB \(127\.0\.0\.1:9\) cannot be used: .*start it/,
  ],
  [
    'seeds ls --store task.yaml/optio.db',
    5,
    /^optio: cannot look for .*optio.db: a part of the path is not a directory/,
  ],
  ['seeds ls --config missing.yaml', 2, /^missing.yaml:1: cannot be read: there is no such file/],
  ['seeds ls --config config-typo.yaml', 2, /^config-typo.yaml:1: hsots: is not a field here; did you mean hosts\?$/],
  ['seeds ls --config config-broken.yaml', 2, /^config-broken.yaml:\d: /],
  ['seeds ls --config config-literal.yaml', 2, /^config-literal.yaml:1: keys.a: holds a value where a reference/],
  [
    'seeds ls --config config-other-key.yaml',
    5,
    /^optio: .*is encrypted for age1.* holds another key: append the line/,
  ],
  ['seeds ls --config config-open-key.yaml', 5, /^optio: .*open-identity\.txt.*(?:others|0600)/],
  ['seeds show nope', 2, /^optio: there is no seed "nope"; optio seeds ls shows what there is$/],
  ['seeds verify SEED nope', 2, /^optio: there is no seed "nope"/],
  ['seeds plant nope home', 2, /^optio: there is no seed "nope"/],
  [
    'seeds plant SEED task.yaml/home',
    2,
    /^optio: cannot write to \S+task\.yaml\/home: a part of the path is not a directory$/,
  ],
  ['seeds plant SEED /proc/optio', 2, /^optio: cannot write to \/proc\/optio: there is no such file or directory$/],
  ['seeds rm', 2, /^optio: name seeds by their ids, or say --expired/],
  ['seeds rm SEED nope', 2, /^optio: there is no seed "nope"/],
  ['seeds export nope new-file', 2, /^optio: there is no seed "nope"/],
  [
    'seeds export SEED not-a-seed',
    2,
    /^optio: cannot write .*not-a-seed: there is such a file already; --overwrite replaces it$/,
  ],
  ['seeds export SEED nowhere/new-file', 2, /^optio: cannot write .*new-file: there is no such file or directory$/],
  ['seeds export SEED new-file --for age1wrong', 2, /^optio: --for takes public keys of age/],
  ['seeds import missing', 2, /^optio: cannot read .*missing: there is no such file or directory$/],
  ['seeds import not-a-seed', 5, /^optio: .*seed file/],
  ['seeds capture', 2, /^optio: name a home directory, or say --from-home/],
  ['seeds capture empty-home', 2, /^optio: Nothing to keep as a seed/],
  ['seeds capture home', 2, /^optio: .*model/],
  ['seeds capture home --model b', 2, /^optio: --model must be provider\/model$/],
  ['seeds capture home --expires soon', 2, /Write 90s, 30m, 2h or 1h30m/],
  ['snapshots show nope', 2, /^optio: there is no snapshot "nope"/],
  ['snapshots rm nope', 2, /^optio: there is no snapshot "nope"/],
  ['keys add age1wrong', 2, /^optio: not a public key of age/],
  [
    'keys remove age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq',
    2,
    /^optio: there is no key age1.*; optio keys show lists those of the store$/,
  ],
  ['keys remove x', 2, /^optio: there is no key x; optio keys show lists those of the store$/],
  ['keys remove OWN', 2, /^optio: age1.* is the only key of the store; optio keys new puts another one in its place$/],
  ['keys export --passphrase literal', 2, /^optio: --passphrase takes a reference/],
  ['keys export --output not-a-seed', 2, /^optio: cannot write .*there is such a file already/],
  ['show nope', 2, /^optio: there is no session or task "nope"; optio ls shows what there is$/],
  ['logs nope', 2, /^optio: there is no session or task "nope"/],
  ['attach 65a1b2c3d4e5f60718293a4b', 2, /^optio: there is no session or task "65a1b2c3d4e5f60718293a4b"/],
  ['cancel nope', 2, /^optio: there is no session or task "nope"/],
  ['resume nope', 2, /^optio: there is no session or task "nope"/],
  ['resume nope -m ', 2, /^optio: option '-m, --message <text>' argument missing$/],
  ['pull nope', 2, /^optio: there is no session or task "nope"/],
  ['pull nope here --patch', 2, /^optio: a patch goes to stdout/],
  ['run task.yaml --seed nope', 2, /^task.yaml:1: seed: is not in the store/],
  ['run no-seed.yaml --detach', 2, /^no-seed.yaml:2: seed: is not in the store/],
  ['recover nope', 2, /^optio: there is no session or task "nope"/],
  ['submit task.yaml', 2, /^optio: a queue is shared through a MongoDB: name one/],
  ['work --jobs 0', 2, /It must be a whole number from 1 to 9999\.$/],
  ['queue rm nope', 2, /^optio: a queue is shared through a MongoDB/],
  ['completion csh', 2, /^optio: there is no completion for "csh"; there is for bash, zsh, fish$/],
  ['work --log xml', 2, /Allowed choices are plain, json\.$/],
  ['work --metrics 0', 2, /It must be the number of a port, 1 to 65535\.$/],
  ['prune', 2, /^optio: say what may go: --older-than 30d, --keep 100, or both/],
  ['prune --older-than 30', 2, /Write 12h or 30d, at most 36500d\.$/],
  ['host clean', 2, /^optio: missing required argument 'name'$/],
  ['host check -x', 2, /^optio: unknown option '-x'/],
];

describe('a wrong call', () => {
  for (const [call, code, line] of CALLS) {
    it(`optio ${call}: one line, ${code}, and nothing is changed`, async () => {
      const before = await digestTree(directory);
      const args = call
        .replace('SEED', seedId)
        .replace('OWN', ownKey)
        .split(' ')
        .filter((word) => word !== '')
        .map((word) => (word === "''" ? '' : word));
      const result = await callOptio(args, { directory, env: { KEY: 'sk-x' } });
      expect(result.stderr.trimEnd().split('\n'), result.stderr).toHaveLength(1);
      expect(result.stderr.trimEnd()).toMatch(line);
      expect(result).toMatchObject({ code, stdout: '' });
      expect(result.stderr).not.toMatch(/sk-literal|secret@/);
      expect(await digestTree(directory)).toEqual(before);
    });
  }

  it('is answered the same way by the process itself', async () => {
    const run = startOptio(['rnu'], { directory });
    expect(await run.exited).toBe(2);
    expect([run.stdout, run.stderr]).toEqual(['', "optio: unknown command 'rnu' (Did you mean run?)\n"]);
  });

  it('has an end where what it prints cannot be written', async () => {
    const main = fileURLToPath(new URL('../main.ts', import.meta.url));
    await using full = await open('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, ['--conditions=@optio-ts/source', main, '--help'], {
      stdio: ['ignore', full.fd, 'pipe'],
      encoding: 'utf8',
    });
    expect(stderr).toBe('optio: cannot write to stdout: the disk is full\n');
    expect(status).toBe(1);
  });

  it('is told where its directory is gone', () => {
    const main = fileURLToPath(new URL('../main.ts', import.meta.url));
    const call = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" --conditions=@optio-ts/source "$1" ls';
    const { status, stderr } = spawnSync('sh', ['-c', call, process.execPath, main], {
      cwd: directory,
      encoding: 'utf8',
    });
    expect(stderr).toBe('optio: the directory that it was called in is not there any more; go to another one\n');
    expect(status).toBe(2);
  });
});
