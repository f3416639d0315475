import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { startCampaign } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readKnownHostsText } from './known-hosts-files.ts';
import { matchesName, parseKnownHosts } from './known-hosts.ts';

const run = promisify(execFile);
const names = ['build-3', 'a.example.com', '[build-3]:2222', '[::1]:2222', '10.0.0.7', 'bücher.example', 'nobody'];

describe('random known_hosts files', () => {
  let directory: string;
  let keys: readonly string[] = [];
  let reason: string | undefined;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'optio-known-'));
    try {
      for (const type of ['ed25519', 'ecdsa']) {
        const file = join(directory, type);
        await run('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', file]);
        keys = [...keys, (await readFile(`${file}.pub`, 'utf8')).trim()];
      }
    } catch {
      reason = 'OpenSSH’s ssh-keygen: apt-get install openssh-client';
    }
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('say of each host what ssh-keygen -F says, line by line', { timeout: 300_000 }, async (ctx) => {
    if (reason !== undefined) return ctx.skip(`needs ${reason}`);
    const campaign = startCampaign('known_hosts', { sample: 12, full: 400 });
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(campaign.random() * items.length)] as Item;
    const path = join(directory, 'known_hosts');

    const pattern = (): string => {
      const name = pick([
        ...names,
        ...names,
        'b.a.example.com',
        'BUILD-3',
        '*',
        '*.example.com',
        '[*]:2222',
        '[*',
        'é*',
      ]);
      const at = Math.floor(campaign.random() * name.length);
      const changed = pick([
        name,
        name,
        `${name.slice(0, at)}*${name.slice(at + pick([0, 1, 3]))}`,
        `${name.slice(0, at)}?${name.slice(at + 1)}`,
        name.toUpperCase(),
      ]);
      return pick(['', '', '', '!']) + changed;
    };
    const hashed = (): string => {
      const salt = Buffer.from(Array.from({ length: 20 }, () => Math.floor(campaign.random() * 256)));
      const digest = createHmac('sha1', salt).update(pick(names)).digest();
      const field = `|1|${salt.toString('base64')}|${digest.toString('base64')}`;
      return pick([field, field, field, field.slice(0, -4), `${field},x`, field.replace('|1|', '|2|')]);
    };
    const patterns = (): string =>
      pick([
        pattern(),
        pattern(),
        Array.from({ length: 1 + Math.floor(campaign.random() * 3) }, pattern).join(','),
        hashed(),
      ]);
    const blank = (): string => pick([' ', ' ', ' ', '\t', '  ', ' \t ']);
    const line = (): string => {
      const marker = pick(['', '', '', '', '@revoked', '@cert-authority', '@other', '@REVOKED']);
      // What is no key at all is found by -F, and passed over by ssh and here.
      const key = pick([...keys, ...keys, ...keys, '']);
      // A tab behind a marker makes ssh pass the line over, a revoked one as well; here it counts.
      const fields = [
        marker === '' ? patterns() : `${marker} ${patterns()}`,
        ...key.split(' '),
        ...(keys.includes(key) ? pick([[], [], ['a comment'], ['# é']]) : []),
      ];
      const text = fields.reduce((before, field) => (before === '' ? field : `${before}${blank()}${field}`), '');
      return pick(['', '', '', ' ', '\t', '#']) + text + pick(['', '', '', ' ', '\r', '\t']);
    };

    for (let round = 0; round < campaign.rounds; round += 1) {
      const lines = Array.from({ length: 40 }, () => pick([line, line, line, line, () => '', () => '# note'])());
      await writeFile(path, lines.join('\n') + pick(['\n', '', '\r\n']));
      const parsed = parseKnownHosts(await readKnownHostsText({ path, isOptional: false }), '');
      for (const name of names) {
        // Exit code 1 is "none".
        const { stdout } = await run('ssh-keygen', ['-F', name, '-f', path]).catch(
          (error: { stdout: string }) => error,
        );
        const theirs = [...stdout.matchAll(/found: line (\d+)(?: (CA|REVOKED))?/g)].map(
          ([, at, kind]) => `${at} ${kind ?? ''}`,
        );
        const words = { host: '', authority: 'CA', revoked: 'REVOKED' } as const;
        const ours = parsed
          .filter((found) => matchesName(found, name))
          .map(({ where, kind }) => `${where.slice(1)} ${words[kind]}`);
        const shown = [...new Set([...ours, ...theirs])].filter((at) => ours.includes(at) !== theirs.includes(at));
        const told = shown.map((at) => JSON.stringify(lines[Number(at.split(' ')[0]) - 1]));
        expect({ name, ours, told }).toEqual({ name, ours: theirs, told: [] });
      }
    }
  });
});
