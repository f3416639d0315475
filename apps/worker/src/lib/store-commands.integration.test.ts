import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createId } from '@optio-ts/seed-engine';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { TestContext } from 'vitest';

import { connectMongo } from './mongo-connection.ts';
import { callOptio } from './testing/call-optio.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-store-'));
  // Somebody's own home, with opencode logged in.
  await mkdir(join(directory, '.local/share/opencode'), { recursive: true });
  await writeFile(join(directory, '.local/share/opencode/auth.json'), '{"openai":{"type":"api","key":"sk-own"}}');
  await mkdir(join(directory, '.config/opencode'), { recursive: true });
  await writeFile(join(directory, '.config/opencode/opencode.json'), '{"model":"openai/gpt-5"}');
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Where a store is, and a home of its own for its key. */
async function placeOf(kind: 'sqlite' | 'mongo', ctx: TestContext): Promise<Record<string, string>> {
  const name = `${kind}-${createId()}`;
  await writeFile(join(directory, `${name}.yaml`), `identity: ${name}.txt\n`);
  const config = { OPTIO_CONFIG: join(directory, `${name}.yaml`) };
  if (kind === 'sqlite') return { ...config, OPTIO_STORE: join(directory, `${name}.db`) };
  const uri = inject('mongoUri');
  if (uri === undefined) return ctx.skip(`needs ${inject('mongoMissing')}`);
  const url = new URL(uri);
  url.pathname = `/${name}`;
  return { ...config, OPTIO_STORE: url.href };
}

describe.each(['sqlite', 'mongo'] as const)('commands about what a store holds: %s', { timeout: 60_000 }, (kind) => {
  it('keeps a login as a seed, checks it, hands it over to another store, and lets go of it', async (ctx) => {
    const env = await placeOf(kind, ctx);
    const optio = async (...args: string[]) => callOptio(args, { directory, env });
    const json = async (...args: string[]): Promise<Record<string, unknown>[]> => {
      const { code, stderr, stdout } = await optio(...args, '--json');
      expect(code, stderr).toBe(0);
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    };

    expect((await optio('keys', 'show')).stderr).toMatch(/has no keys yet\.$/m);
    const early = await optio('seeds', 'capture', '--from-home');
    if (kind === 'mongo') {
      // Shared with others: its first key is made on purpose.
      expect(early).toMatchObject({ code: 5, stderr: expect.stringContaining('There is no key for') });
      expect(await json('keys', 'new')).toEqual([expect.objectContaining({ isFirst: true })]);
      expect((await optio('seeds', 'capture', '--from-home')).code).toBe(0);
    } else {
      expect(early).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/^made a new key: .*keep a copy of it elsewhere/),
      });
    }
    const [named] = await json('seeds', 'capture', '--from-home', '--label', 'my own', '--expires', '10d');
    const id = String(named?.['id']);
    expect(named).toMatchObject({ model: 'openai/gpt-5', label: 'my own', isExpired: false });
    expect(await json('seeds', 'ls')).toHaveLength(2);
    expect((await optio('seeds', 'show', id)).stdout).toMatch(/^label +my own$/m);
    const [verified] = await json('seeds', 'verify', id);
    expect(verified).toMatchObject({ isSound: true, logins: [{ provider: 'openai', type: 'api' }], activeContent: [] });

    const home = join(directory, `planted-${kind}`);
    expect((await optio('seeds', 'plant', id, home)).code).toBe(0);
    expect(await readFile(join(home, '.local/share/opencode/auth.json'), 'utf8')).toContain('sk-own');

    // Over to somebody else, for whom it is sealed.
    const theirs = await placeOf('sqlite', ctx);
    await callOptio(['keys', 'new'], { directory, env: theirs });
    const recipient = (await callOptio(['keys', 'export', '--public'], { directory, env: theirs })).stdout.trim();
    const file = join(directory, `${kind}.seed`);
    expect((await optio('seeds', 'export', id, file, '--for', recipient)).code).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await optio('seeds', 'import', file)).code).toBe(5);
    expect((await callOptio(['seeds', 'import', file], { directory, env: theirs })).code).toBe(0);

    // A new key: what is there is sealed for it, and the old one is let go.
    const [before] = await json('keys', 'show');
    await json('keys', 'new');
    expect((await json('keys', 'show')).map(({ isRetiring }) => isRetiring)).toEqual([false, true]);
    const [rotation] = await json('seeds', 'rotate');
    expect(rotation).toMatchObject({ resealed: 2, unreadable: [], retired: [before?.['recipient']] });
    await json('keys', 'add', recipient);
    expect(await json('keys', 'show')).toHaveLength(2);
    await json('keys', 'remove', recipient);
    await writeFile(join(directory, 'passphrase'), 'correct horse\n');
    const copy = await optio('keys', 'export', '--passphrase', `file:${join(directory, 'passphrase')}`);
    expect(copy.stdout).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----/);

    const checks = await json('doctor', '--sweep');
    expect(checks.filter(({ status }) => status === 'problem')).toEqual([]);
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['configuration', 'store', 'sweep', 'this machine']),
    );

    expect((await optio('seeds', 'rm', id)).stdout).toBe(`removed  ${id}\n`);
    expect(await json('seeds', 'ls')).toHaveLength(1);
    expect(await json('snapshots', 'ls')).toEqual([]);
    if (kind === 'mongo') {
      const { close, db } = await connectMongo(env['OPTIO_STORE'] ?? '');
      await db.dropDatabase();
      await close();
    }
  });
});
