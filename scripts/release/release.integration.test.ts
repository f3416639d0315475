import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

import { logLines, runCommand, scriptedLogin, startScriptedModel, startSshd, taskScript } from '@optio-ts/testkit';
import type { ScriptedModel, Sshd } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { connectMongo } from '../../apps/worker/src/lib/mongo-connection.ts';
import { startModelBehindProxy } from './model-behind-proxy.ts';
import type { ModelBehindProxy } from './model-behind-proxy.ts';
import { provideNodes } from './node-versions.ts';
import type { NodeVersion } from './node-versions.ts';
import { packRelease, repository } from './pack-release.ts';
import type { Release } from './pack-release.ts';
import { readFirstSteps } from './read-readme.ts';
import { startRegistry } from './registry.ts';
import type { Registry } from './registry.ts';
import { runProgram } from './run-program.ts';
import { walkReadme } from './walk-readme.ts';
import type { StandIns } from './walk-readme.ts';

const KEY = 'the key of the scripted model';
const LIBRARIES = [
  'agents-prompt',
  'agents-session',
  'host-core',
  'host-ssh',
  'opencode-installer',
  'opencode-launcher',
  'opencode-seeds',
  'opencode-session',
  'seed-engine',
];

const AGENT_STARTERS = ['opencode-launcher', 'opencode-session'];

let directory: string;
let programs: string;
let release: Release;
let registry: Registry;
let nodes: readonly [oldest: NodeVersion, current: NodeVersion];
let model: ScriptedModel;
let provider: ModelBehindProxy;

beforeAll(async () => {
  directory = await mkdtemp(join(await realpath(tmpdir()), 'optio-release-'));
  [release, nodes, programs] = await Promise.all([packRelease(directory), provideNodes(), linkPrograms()]);
  registry = await startRegistry(release.packages);
  model = await startScriptedModel({ apiKey: KEY, script: taskScript() });
  provider = await startModelBehindProxy({ directory, name: 'api.deepseek.com', url: model.url });
  // Fetched by now: what stands for a provider stands in the way of a registry.
  await (await openProject('tools')).run(nodes[0], {}, 'npx', 'tsx', '--version');
}, 240_000);

afterAll(async () => {
  await provider?.[Symbol.asyncDispose]();
  await model?.close();
  await registry?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/**
 * The machine's programs but bubblewrap, since a confined agent does not see the certificate of `startModelBehindProxy`, and
 * but the ways to other Nodes.
 */
async function linkPrograms(): Promise<string> {
  const links = join(directory, 'programs');
  await mkdir(links);
  const hidden = new Set(['bwrap', 'node', 'nodejs', 'pnpm', 'tsx']);
  for (const from of (process.env['PATH'] ?? '').split(delimiter).filter((path) => !path.includes('node_modules'))) {
    for (const name of await readdir(from).catch(() => [])) {
      if (!hidden.has(name)) await symlink(join(from, name), join(links, name)).catch(() => undefined);
    }
  }
  return links;
}

/** An empty project of somebody with an empty home, but for npm's cache and opencode in its own. */
interface Project {
  readonly directory: string;
  readonly home: string;
  /** Runs a program in it, with a Node and more variables. */
  run(
    node: NodeVersion,
    more: Readonly<Record<string, string>>,
    program: string,
    ...programArguments: string[]
  ): Promise<string>;
}

async function openProject(name: string): Promise<Project> {
  const place = join(directory, name);
  const home = join(place, 'home');
  const project = join(place, 'project');
  await mkdir(home, { recursive: true });
  await mkdir(project);
  // Nothing in it, but npm is not to take a directory above for the project.
  await writeFile(join(project, 'package.json'), '{ "private": true }\n');
  await writeFile(join(place, 'npmrc'), `@optio-ts:registry=${registry.url}\n`);
  const { XDG_CACHE_HOME, npm_config_userconfig } = process.env;
  // The way to npm's registry is that of this machine.
  const network = /^(?:.*_proxy|node_extra_ca_certs|ssl_cert_.*|node_use_.*)$/i;
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => network.test(name))),
    HOME: home,
    LANG: 'C.UTF-8',
    XDG_CACHE_HOME: XDG_CACHE_HOME || join(homedir(), '.cache'),
    npm_config_cache: process.env['npm_config_cache'] || join(homedir(), '.npm'),
    npm_config_userconfig: npm_config_userconfig || join(homedir(), '.npmrc'),
    npm_config_audit: 'false',
    // What a reader answers to npx.
    npm_config_yes: 'true',
    // ssh2 would build native code where there is a compiler; it works without.
    npm_config_ignore_scripts: 'true',
    npm_config_globalconfig: join(place, 'npmrc'),
    npm_config_prefer_offline: 'true',
    npm_config_prefix: join(place, 'global'),
  };
  return {
    directory: project,
    home,
    run: ({ binDirectory }, more, program, ...programArguments) => {
      const PATH = [binDirectory, join(place, 'global/bin'), programs].join(delimiter);
      return runProgram(program, programArguments, { cwd: project, env: { ...env, PATH, ...more } });
    },
  };
}

/** A login for OpenSSH's names of files. */
async function writeKeys(place: string, sshd: Sshd): Promise<void> {
  await mkdir(place);
  await writeFile(join(place, 'id_ed25519'), sshd.privateKey, { mode: 0o600 });
  const known = sshd.hostKeys.map((key) => `[${sshd.host}]:${sshd.port} ${key.publicKey}\n`);
  await writeFile(join(place, 'known_hosts'), known.join(''));
}

const find = (name: string): Release['packages'][number] => {
  const found = release.packages.find(({ manifest }) => manifest.name === `@optio-ts/${name}`);
  if (found === undefined) throw new Error(`The release has no ${name}`);
  return found;
};

/** What a first block needs beside its package, and a part of what it prints. */
async function prepare(name: string, home: string): Promise<{ readonly prints: string; readonly args?: string[] }> {
  if (name === 'opencode-seeds' || name === 'seed-engine') {
    const login = join(home, '.local/share/opencode');
    await mkdir(login, { recursive: true });
    await writeFile(join(login, 'auth.json'), JSON.stringify(scriptedLogin(KEY)));
  }
  const prints: Readonly<Record<string, string>> = {
    'agents-prompt': 'deliverables/report.md',
    'agents-session': 'done the words are counted',
    'host-core': "hello it's me",
    'host-ssh': 'Linux',
    'opencode-installer': 'is opencode 1.',
    'opencode-launcher': 'The task is finished',
    'opencode-seeds': '.local/share/opencode/auth.json',
    'opencode-session': 'done the report is written',
    'seed-engine': '.local/share/opencode/auth.json',
  };
  return { prints: prints[name] ?? '' };
}

/** What a reader of the worker's README has already: sources, and a login of opencode. */
async function makeReadersOwn({ directory, home }: Project): Promise<void> {
  const files = {
    [join(home, '.local/share/opencode/auth.json')]: JSON.stringify(scriptedLogin(KEY)),
    [join(home, '.config/opencode/opencode.json')]: '{ "model": "scripted/scripted-model" }',
    [join(directory, 'project/main.c')]: 'int main;\n',
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

function firstId(lines: string): string {
  return (JSON.parse(lines.split('\n')[0] ?? '') as { readonly id: string }).id;
}

describe('a release', { timeout: 240_000 }, () => {
  it('takes every changeset into versions, changelogs and tarballs', () => {
    expect(release.changesetsLeft).toEqual([]);
    const names = release.packages.map(({ manifest }) => manifest.name).toSorted();
    expect(names).toEqual([...LIBRARIES, 'worker'].toSorted().map((name) => `@optio-ts/${name}`));
    for (const { manifest } of release.packages) {
      expect(manifest.version).not.toBe('0.0.0');
      for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
        const sibling = release.packages.find((other) => other.manifest.name === name);
        if (sibling !== undefined) expect([name, range]).toEqual([name, `^${sibling.manifest.version}`]);
      }
    }
  });

  it.for(LIBRARIES)('%s is installed alone and does what its README begins with', async (name, context) => {
    const { manifest, readme } = find(name);
    const { install, program } = readFirstSteps(readme);
    const { sshd, reason } = name === 'host-ssh' ? await startSshd({ user: 'self' }) : { sshd: undefined };
    if (reason !== undefined) return context.skip(`needs ${reason}`);
    await using _ = sshd;
    const project = await openProject(name);
    const { prints } = await prepare(name, project.home);
    const args = sshd === undefined ? [] : [sshd.host, sshd.user, String(sshd.port)];
    if (sshd !== undefined) await writeKeys(join(project.home, '.ssh'), sshd);
    await writeFile(join(project.directory, 'main.mts'), program ?? '');
    const entries = Object.keys(manifest.exports ?? {}).filter((entry) => !entry.endsWith('.json'));
    const imports = entries.map((entry) => `await import('${manifest.name}${entry.slice(1)}');`).join(' ');
    // By the oldest Node's npm: what it puts there is what the other one runs, too.
    await project.run(nodes[0], {}, 'sh', '-ec', install);
    for (const node of nodes) {
      await project.run(node, {}, 'node', '--input-type=module', '-e', imports);
      // On the newer one all other tests run their agents.
      if (node !== nodes[0] && AGENT_STARTERS.includes(name)) continue;
      const isOld = Number(node.version.split('.')[0]) < 24;
      const program = isOld ? ['npx', 'tsx', 'main.mts'] : ['node', 'main.mts'];
      const env = { ...provider.env, DEEPSEEK_API_KEY: KEY };
      const printed = await project.run(node, env, 'sh', '-c', '"$@" 2>&1', 'sh', ...program, ...args);
      expect(printed).toContain(prints);
    }
  });

  it(
    'the worker does all that its README says, in its order, for somebody with an empty home',
    { timeout: 480_000 },
    async (context) => {
      const mongoUri = inject('mongoUri');
      if (mongoUri === undefined) return context.skip(`needs ${inject('mongoMissing')}`);
      const { sshd, reason } = await startSshd({ user: 'self' });
      if (sshd === undefined) return context.skip(`needs ${reason}`);
      await using _ = sshd;
      await using lab = await startScriptedModel({ apiKey: KEY, script: taskScript({ repeats: true }) });
      const { readme } = find('worker');
      const project = await openProject('worker');
      const [oldest, current] = nodes;
      await project.run(oldest, {}, 'sh', '-ec', readFirstSteps(readme).install);
      await project.run(oldest, {}, 'optio', '--help');
      await makeReadersOwn(project);
      const taskRoot = join(directory, 'worker/tasks');
      const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
      await mkdir(taskRoot, { mode: 0o700 });
      const database = new URL(mongoUri);
      database.pathname = `/readme-${process.pid}`;
      const standIns: StandIns = [
        [/sk-…/, `'${KEY}'`],
        [/provider: deepseek\b.*/, `provider: deepseek\n  baseUrl: ${lab.url}/v1`],
        [/<seed>/, async () => firstId(await project.run(current, {}, 'optio', 'seeds', 'ls', '--json'))],
        [/age1…/, async () => (await project.run(current, {}, 'optio', 'keys', 'export', '--public')).trim()],
        [/alice@build-3\.example\.com:2222/, `${sshd.user}@${sshd.host}:${sshd.port}`],
        [/~\/\.ssh\/build\b/, sshd.privateKeyFile],
        [/SHA256:…/, sshd.hostKeys[0]?.fingerprint ?? ''],
        // The machine has opencode: what is in this one's cache.
        [/\/srv\/optio/, `${taskRoot}\n    cacheDirectory: ${cache}/optio-opencode/bin`],
        [/mongodb:\/\/db\.example\.com\/optio/, database.href],
      ];
      const count = await walkReadme(readme, {
        standIns,
        write: async (name, text) => {
          const path = name.startsWith('~/') ? join(project.home, name.slice(2)) : join(project.directory, name);
          await mkdir(dirname(path), { recursive: true });
          await writeFile(path, text);
        },
        run: (script) => project.run(current, {}, 'sh', '-ec', script),
      });
      expect(count).toBeGreaterThan(6);
      for (const id of ['report', 'nightly']) {
        expect(await readFile(join(project.directory, `optio-out/${id}/report.md`), 'utf8')).toContain('# Report');
      }
      const { close, db } = await connectMongo(database.href);
      await db.dropDatabase();
      await close();
    },
  );

  it('the page about another agent leads to a session of it', async () => {
    const page = await readFile(join(repository, 'docs/write-an-adapter.md'), 'utf8');
    const [, install = ''] = /^```sh\n(.*?)^```$/ms.exec(page) ?? [];
    const [, program = ''] = /^```ts\n(.*?)^```$/ms.exec(page) ?? [];
    await using poet = await startScriptedModel({
      apiKey: KEY,
      script: ({ step }) =>
        [
          { toolCalls: [runCommand('echo roses > deliverables/poem.txt')] },
          { toolCalls: [logLines(['STATUS: 90% rhyming', 'DELIVERABLE: ./deliverables/poem.txt', 'DONE: written'])] },
        ][step] ?? { text: 'It is written.' },
    });
    const project = await openProject('second-agent');
    const [, node] = nodes;
    for (const name of ['src', 'pi']) {
      const from = join(repository, 'examples/second-agent', name);
      await cp(from, join(project.directory, name), { recursive: true, filter: (path) => !path.endsWith('.test.ts') });
    }
    await writeFile(join(project.directory, 'main.mts'), program);
    const login = join(project.home, '.pi/agent');
    await mkdir(login, { recursive: true });
    const lab = { baseUrl: `${poet.url}/v1`, api: 'openai-completions', apiKey: KEY, models: [{ id: 'scripted' }] };
    await writeFile(join(login, 'models.json'), JSON.stringify({ providers: { lab } }));
    await writeFile(join(login, 'settings.json'), JSON.stringify({ defaultProvider: 'lab', defaultModel: 'scripted' }));
    await project.run(node, {}, 'sh', '-ec', install);
    const printed = await project.run(node, {}, 'node', 'main.mts');
    expect(printed).toContain('90 rhyming\nroses\n');
    expect(printed).toContain("state: 'done'");
  });
});
