import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { browserShims } from '@optio-ts/agents-prompt';
import { createLocalHost } from '@optio-ts/host-core';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

import { agentSessionFiles } from './agent-session-files.ts';
import { prepareWorkdir } from './prepare-workdir.ts';

const host = createLocalHost();
afterAll(async () => host[Symbol.asyncDispose]());

describe('prepareWorkdir', () => {
  let root = '';
  let workdir = '';
  const read = (path: string): string => readFileSync(join(workdir, path), 'utf8');
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'optio prepare '));
    workdir = join(root, 'w');
    mkdirSync(workdir);
    writeFileSync(join(root, 'precious'), 'precious\n');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('makes what agentSessionFiles names', async () => {
    const protocol = { browser: 'suppress' } as const;
    const { hostPath } = await prepareWorkdir(host, { workdir, shims: browserShims({ mode: 'suppress', workdir }) });
    expect(hostPath).toBe(process.env['PATH']);
    for (const file of agentSessionFiles({ protocol, workdir })) {
      const stats = lstatSync(join(workdir, file.path));
      expect([file.path, stats.isDirectory(), stats.mode & 0o777]).toEqual([file.path, 'directory' in file, file.mode]);
      if ('content' in file) expect(read(file.path)).toBe(file.content);
    }
    expect(readdirSync(workdir).toSorted()).toEqual(['bin', 'deliverables', 'optio.log']);
  });

  it('has no shim directory in ignore mode', async () => {
    await prepareWorkdir(host, { workdir, shims: undefined });
    expect(readdirSync(workdir).toSorted()).toEqual(['deliverables', 'optio.log']);
  });

  it('keeps an earlier log, byte by byte, and adds a line to the resume log', async () => {
    const resumeLogLine = '2026-03-02T17:05:12Z\n';
    writeFileSync(join(workdir, 'optio.log'), Buffer.from('DONE \xff', 'latin1'));
    await prepareWorkdir(host, { workdir, shims: undefined, resumeLogLine });
    writeFileSync(join(workdir, 'optio.log'), 'ERROR\n');
    await prepareWorkdir(host, {
      workdir,
      shims: undefined,
      resumeLogLine: '2026-03-03T17:05:12Z REFRESHED:AGENTS.md',
    });
    // An agent has edited it, and left out the last newline.
    writeFileSync(join(workdir, 'resume.log'), read('resume.log').trimEnd());
    await prepareWorkdir(host, { workdir, shims: undefined, resumeLogLine: '2026-03-04T17:05:12Z' });
    // Again, as when the answer was lost: once is enough.
    await prepareWorkdir(host, { workdir, shims: undefined, resumeLogLine: '2026-03-04T17:05:12Z' });
    expect(readFileSync(join(workdir, 'optio.log.old'), 'latin1')).toBe('DONE \xff\nERROR\n');
    expect(read('optio.log')).toBe('');
    expect(read('resume.log')).toBe(
      '2026-03-02T17:05:12Z\n2026-03-03T17:05:12Z REFRESHED:AGENTS.md\n2026-03-04T17:05:12Z\n',
    );
    expect(readdirSync(workdir).toSorted()).toEqual(['deliverables', 'optio.log', 'optio.log.old', 'resume.log']);
  });

  it('writes through none of the links that an agent may have left', async () => {
    for (const name of ['optio.log', 'optio.log.old', 'optio.log.old.new', 'resume.log', 'resume.log.new']) {
      symlinkSync(join(root, 'precious'), join(workdir, name));
    }
    mkdirSync(join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), join(workdir, 'bin'));
    symlinkSync(join(root, 'elsewhere'), join(workdir, 'deliverables'));
    const shims = browserShims({ mode: 'redirect', workdir });
    await prepareWorkdir(host, { workdir, shims, resumeLogLine: 'x' });
    writeFileSync(join(workdir, 'deliverables/a'), '');
    rmSync(join(workdir, 'optio.log'));
    linkSync(join(root, 'precious'), join(workdir, 'optio.log'));
    await prepareWorkdir(host, { workdir, shims, resumeLogLine: 'y' });
    expect(readFileSync(join(root, 'precious'), 'utf8')).toBe('precious\n');
    expect(readdirSync(join(root, 'elsewhere'))).toEqual([]);
    expect(read('optio.log.old')).toBe('precious\n');
    expect(read('resume.log')).toBe('x\ny\n');
  });

  it('replaces directories and files that are in the way', async () => {
    mkdirSync(join(workdir, 'optio.log/sub'), { recursive: true });
    mkdirSync(join(workdir, 'bin/xdg-open'), { recursive: true });
    writeFileSync(join(workdir, 'deliverables'), '');
    await prepareWorkdir(host, { workdir, shims: browserShims({ mode: 'suppress', workdir }) });
    expect(read('optio.log')).toBe('');
    expect(lstatSync(join(workdir, 'bin/xdg-open')).isFile()).toBe(true);
    expect(lstatSync(join(workdir, 'deliverables')).isDirectory()).toBe(true);
  });

  it('says what it could not do', async () => {
    await expect(prepareWorkdir(host, { workdir: join(root, 'gone'), shims: undefined })).rejects.toThrow(
      `Cannot prepare ${join(root, 'gone')}`,
    );
  });
});
