import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { createFixture, failureOf, testVersion } from '../../test/installer-fixture.ts';
import type { InstallerFixture } from '../../test/installer-fixture.ts';
import { cutShort, startFiles, zipOf } from '../../test/loopback-files.ts';
import { packageOf, startRegistry } from '../../test/loopback-registry.ts';
import { ensureOpencode } from './ensure-opencode.ts';
import { smartInstallSource } from './smart-install-source.ts';
import type { ArchiveFormat, OpencodeSource } from './source.ts';
import { urlSource } from './url-source.ts';

const script = (text: string): string => `#!/bin/sh\n${text}\n`;
const programs = {
  good: script(`echo ${testVersion}`),
  silent: script('exit 0'),
  otherVersion: script('echo 1.2.3'),
  otherProcessor: Buffer.from('7f454c4602010100', 'hex'),
};
type Program = keyof typeof programs;

/** A download: what is sent, and of what the digest is. */
interface Download {
  readonly content: Buffer;
  readonly announced: Buffer;
  readonly isCut: boolean;
}

/** A source, and how its downloads are packed. */
interface Subject {
  readonly format: ArchiveFormat;
  readonly member: string;
  readonly open: (
    fixture: InstallerFixture,
    download: Download,
  ) => Promise<AsyncDisposable & { readonly source: OpencodeSource }>;
}

const sha256Of = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex');
const npmFor = ({ home }: InstallerFixture) => ({ env: { HOME: home, npm_config_fetch_retries: '0' } });

const urlSubject = (format: ArchiveFormat, file: string): Subject => ({
  format,
  member: 'opencode',
  open: async (fixture, { announced, content, isCut }) => {
    const server = await startFiles({ [file]: isCut ? cutShort(content) : content });
    const source = urlSource({
      url: `${server.url}${file}`,
      sha256: sha256Of(announced),
      version: testVersion,
      npm: npmFor(fixture),
    });
    return { source, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
  },
});

const subjects: Readonly<Record<string, Subject>> = {
  npm: {
    format: 'tar.gz',
    member: 'package/bin/opencode',
    open: async (fixture, { announced, content, isCut }) => {
      const registry = await startRegistry({
        packages: { [`opencode-linux-x64@${testVersion}`]: content },
        integrity: `sha512-${createHash('sha512').update(announced).digest('base64')}`,
        ...(isCut && { send: (response, tarball) => cutShort(tarball)(response, response.req) }),
      });
      const source = fixture.source(registry.url);
      return { source, [Symbol.asyncDispose]: async () => registry[Symbol.asyncDispose]() };
    },
  },
  'url of a program': urlSubject('binary', '/opencode'),
  'url of a tar': urlSubject('tar.gz', '/opencode-linux-x64.tar.gz'),
  'url of a zip': urlSubject('zip', '/opencode-linux-x64.zip'),
  smartInstall: {
    format: 'zip',
    member: 'bin/opencode',
    open: async (fixture, { announced, content, isCut }) => {
      const server = await startFiles({
        '/opencode.zip': isCut ? cutShort(content) : content,
        '/script': (response) => response.end(check()),
      });
      const check = (): string => `[ "$1" = --check ] && echo "download ${server.url}/opencode.zip"`;
      const source = smartInstallSource({
        scriptUrl: `${server.url}/script`,
        scriptSha256: sha256Of(check()),
        archiveSha256: sha256Of(announced),
        npm: npmFor(fixture),
      });
      return { source, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
    },
  },
};

async function pack({ format, member }: Pick<Subject, 'format' | 'member'>, program: Program): Promise<Buffer> {
  const content = programs[program];
  if (format === 'tar.gz') return packageOf(member, content);
  return format === 'zip' ? zipOf({ [member]: content, 'package.json': '{}' }) : Buffer.from(content);
}

async function install(
  fixture: InstallerFixture,
  subject: Subject,
  fetch: 'here' | 'host',
  download: Pick<Download, 'content'> & Partial<Download>,
): Promise<string> {
  await using opened = await subject.open(fixture, { announced: download.content, isCut: false, ...download });
  // The server lives until then.
  const code = await failureOf(ensureOpencode(fixture.host, { source: opened.source, probe: fixture.probe, fetch }));
  return code;
}

for (const fetch of ['here', 'host'] as const) {
  for (const [name, subject] of Object.entries(subjects)) {
    describe(`${name}, fetched ${fetch === 'here' ? 'here' : 'by the host'}`, () => {
      it('installs what is as it should be', async () => {
        await using fixture = await createFixture();
        const content = await pack(subject, 'good');
        expect(await install(fixture, subject, fetch, { content })).toBe('no failure');
        expect(await fixture.leftovers()).toHaveLength(name === 'npm' ? 2 : 3);
      });

      it('refuses what is not as it should be, and publishes nothing', async () => {
        await using fixture = await createFixture();
        const good = await pack(subject, 'good');
        const fails = async (download: Pick<Download, 'content'> & Partial<Download>): Promise<string> => {
          const code = await install(fixture, subject, fetch, download);
          expect(await fixture.leftovers()).toEqual([]);
          return code;
        };
        expect(await fails({ content: good, announced: Buffer.from('another') })).toBe('DIGEST_MISMATCH');
        expect(await fails({ content: await pack(subject, 'otherVersion'), announced: good })).toBe('DIGEST_MISMATCH');
        expect(await fails({ content: good.subarray(0, -30), announced: good })).toBe('DIGEST_MISMATCH');
        expect(await fails({ content: good, isCut: true })).toBe('DOWNLOAD_FAILED');
        // From here on the digest agrees.
        expect(await fails({ content: good.subarray(0, -30) })).toBe(
          subject.format === 'binary' ? 'BINARY_BROKEN' : 'PACKAGE_INVALID',
        );
        expect(await fails({ content: await pack(subject, 'silent') })).toBe('BINARY_BROKEN');
        expect(await fails({ content: await pack(subject, 'otherProcessor') })).toBe('BINARY_BROKEN');
        if (name !== 'smartInstall') {
          expect(await fails({ content: await pack(subject, 'otherVersion') })).toBe('BINARY_BROKEN');
        }
        if (subject.format !== 'binary') {
          const empty = await pack({ ...subject, member: 'other' }, 'good');
          expect(await fails({ content: empty })).toBe('PACKAGE_INVALID');
          expect(await fails({ content: Buffer.from('<html>log in</html>') })).toBe('PACKAGE_INVALID');
        }
      });
    });
  }
}
