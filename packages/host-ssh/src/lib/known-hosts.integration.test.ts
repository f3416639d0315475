import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { matchesName, parseKnownHosts } from './known-hosts.ts';

const run = promisify(execFile);
const names = ['build-3', 'a.example.com', 'b.a.example.com', '10.0.0.7', '[build-3]:2222', '[::1]:2222', 'sub?x'];

describe('matchesName beside ssh-keygen -F', () => {
  let directory: string;
  let reason: string | undefined;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-oracle-'));
    reason = await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(directory, 'key')]).then(
      () => undefined,
      () => 'OpenSSH’s ssh-keygen: apt-get install openssh-client',
    );
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('finds the same lines for the same names, plain and hashed', async (ctx) => {
    if (reason !== undefined) return ctx.skip(`needs ${reason}`);
    const key = (await readFile(join(directory, 'key.pub'), 'utf8')).trim();
    const patterns = [
      ...names,
      'BUILD-3',
      '*.example.com',
      '*.example.com,!b.*',
      '!build-3,build-*',
      'build-?',
      '10.0.0.*',
      '*',
      '[*]:2222',
      '[build-3]:22',
      'build-3,[build-3]:2222',
      'sub*',
    ];
    const file = join(directory, 'known_hosts');
    const lines = patterns.flatMap((pattern) => [`${pattern} ${key}`, `@revoked ${pattern} ${key}`, '# note', '']);
    await writeFile(file, `${lines.join('\n')}\n`);
    const hashedFile = join(directory, 'hashed');
    await writeFile(hashedFile, `${names.map((name) => `${name} ${key}`).join('\n')}\n`);
    await run('ssh-keygen', ['-H', '-f', hashedFile]);

    for (const path of [file, hashedFile]) {
      const parsed = parseKnownHosts(await readFile(path, 'utf8'), '');
      expect(parsed.length).toBeGreaterThan(0);
      for (const name of [...names, 'nobody', '[build-3]:3333']) {
        const ours = parsed.filter((line) => matchesName(line, name)).map(({ where }) => Number(where.slice(1)));
        // Exit code 1 is "none".
        const { stdout } = await run('ssh-keygen', ['-F', name, '-f', path]).catch(
          (error: { stdout: string }) => error,
        );
        const theirs = [...stdout.matchAll(/found: line (\d+)/g)].map((match) => Number(match[1]));
        expect({ name, lines: ours }).toEqual({ name, lines: theirs });
      }
    }
  });
});
