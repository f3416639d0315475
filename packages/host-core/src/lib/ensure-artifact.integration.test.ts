import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { shellHosts } from '../../test/shell-hosts.ts';
import { ensureArtifact } from './ensure-artifact.ts';
import type { ArtifactStage } from './ensure-artifact.ts';
import type { Bytes, Host } from './host.ts';
import { runChecked } from './run-checked.ts';
import { stageFile } from './stage-file.ts';

const program = '#!/bin/sh\necho "tool 1.2.3"\n';
let directory: string;

beforeEach(() => {
  directory = join(realpathSync(mkdtempSync(join(tmpdir(), "optio art'*-"))), 'cache dir');
});

afterEach(() => {
  rmSync(join(directory, '..'), { recursive: true, force: true });
});

async function* bytesOf(...parts: readonly string[]): Bytes {
  for (const part of parts) yield Buffer.from(part);
}

const install = (stage: ArtifactStage): Promise<void> => stageFile(stage, { name: 'tool', content: bytesOf(program) });

describe.each(shellHosts)('ensureArtifact with $name', ({ missing, open }) => {
  let host: Host;

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
    host = open();
    return () => host[Symbol.asyncDispose]();
  });

  it('installs, verifies what is staged, and publishes', async () => {
    const tried: string[] = [];
    const artifact = await ensureArtifact(host, {
      directory,
      name: 'tool-1.2.3',
      install,
      verify: async (path) => {
        expect(existsSync(join(directory, 'tool-1.2.3'))).toBe(false);
        const { stdout } = await runChecked(host, [`${path}/tool`]);
        tried.push(stdout.toString());
      },
    });
    expect(artifact).toEqual({ path: `${directory}/tool-1.2.3`, wasInstalled: true });
    expect(tried).toEqual(['tool 1.2.3\n']);
    expect(readFileSync(`${artifact.path}/tool`, 'utf8')).toBe(program);
    expect(statSync(`${artifact.path}/tool`).mode & 0o777).toBe(0o755);
    expect(readdirSync(directory)).toEqual(['tool-1.2.3']);
  });

  it('needs one command when it is there', async () => {
    await ensureArtifact(host, { directory, name: 'tool', install });
    let commands = 0;
    const counting: Host = {
      ...host,
      run: (...parameters) => ((commands += 1), host.run(...parameters)),
      spawn: (...parameters) => ((commands += 1), host.spawn(...parameters)),
    };
    const refuse = (): Promise<void> => Promise.reject(new Error('not again'));
    const artifact = await ensureArtifact(counting, { directory, name: 'tool', install: refuse, verify: refuse });
    expect(artifact.wasInstalled).toBe(false);
    expect(commands).toBe(1);
  });

  it('does the work once for many', async () => {
    let installs = 0;
    const results = await Promise.all(
      Array.from({ length: 10 }, () =>
        ensureArtifact(host, {
          directory,
          name: 'tool',
          install: async (stage) => {
            installs += 1;
            await install(stage);
          },
        }),
      ),
    );
    expect(installs).toBe(1);
    expect(results.filter(({ wasInstalled }) => wasInstalled)).toHaveLength(1);
    expect(readdirSync(directory)).toEqual(['tool']);
  });

  it.each(['install', 'verify'])('leaves nothing behind when %s throws, and hands on what was thrown', async (step) => {
    const failure = new Error('no good');
    const fail = (): Promise<void> => Promise.reject(failure);
    const attempt = ensureArtifact(host, { directory, name: 'tool', install, [step]: fail });
    await expect(attempt).rejects.toBe(failure);
    expect(readdirSync(directory)).toEqual([]);
    expect((await ensureArtifact(host, { directory, name: 'tool', install })).wasInstalled).toBe(true);
  });

  it('leaves nothing behind when it is cancelled while it installs', async () => {
    const controller = new AbortController();
    const attempt = ensureArtifact(host, {
      directory,
      name: 'tool',
      install: async (stage) => {
        await install(stage);
        controller.abort();
        await host.run(['sleep', '1000'], { ...(stage.abortSignal && { abortSignal: stage.abortSignal }) });
      },
      abortSignal: controller.signal,
    });
    await expect(attempt).rejects.toMatchObject({ code: 'ABORTED' });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('waits for another one, can be cancelled while it waits, and has a limit', async () => {
    const waiting = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const first = ensureArtifact(host, {
      directory,
      name: 'tool',
      install: async (stage) => {
        waiting.resolve();
        await go.promise;
        await install(stage);
      },
    });
    await waiting.promise;
    const late = { directory, name: 'tool', install: () => Promise.reject(new Error('not twice')) };
    await expect(ensureArtifact(host, { ...late, waitMs: 300 })).rejects.toMatchObject({ code: 'ARTIFACT_LOCKED' });
    const controller = new AbortController();
    const cancelled = ensureArtifact(host, {
      ...late,
      abortSignal: controller.signal,
      onWait: (pid) => {
        expect(pid).toBeGreaterThan(1);
        controller.abort();
      },
    });
    await expect(cancelled).rejects.toMatchObject({ code: 'ABORTED' });
    const seen = Promise.withResolvers<void>();
    const patient = ensureArtifact(host, { ...late, onWait: () => seen.resolve() });
    await seen.promise;
    go.resolve();
    expect(await first).toMatchObject({ wasInstalled: true });
    expect(await patient).toMatchObject({ wasInstalled: false });
    expect(readdirSync(directory)).toEqual(['tool']);
  });

  it('takes over from a killed holder and sweeps its stage, one of many', async () => {
    await expect(
      ensureArtifact(host, {
        directory,
        name: 'tool',
        install: async (stage) => {
          await install(stage);
          const lock = readFileSync(join(directory, '.lock.tool'), 'utf8').split(' ');
          process.kill(Number(lock[1]), 'SIGKILL');
        },
      }),
    ).rejects.toMatchObject({ code: 'ARTIFACT_FAILED' });
    expect(readdirSync(directory).filter((name) => name.startsWith('.stage.tool~'))).toHaveLength(1);

    let installs = 0;
    const counted = async (stage: ArtifactStage): Promise<void> => {
      installs += 1;
      expect(readdirSync(directory).filter((name) => name.startsWith('.stage.tool~'))).toHaveLength(1);
      await install(stage);
    };
    await Promise.all(
      Array.from({ length: 8 }, () => ensureArtifact(host, { directory, name: 'tool', install: counted })),
    );
    expect(installs).toBe(1);
    expect(readdirSync(directory).filter((name) => !name.startsWith('.holder.'))).toEqual(['tool']);
  });

  it('takes a pid that is used again, or of another boot, for dead', async () => {
    mkdirSync(directory, { mode: 0o700 });
    for (const holder of [`aa ${process.pid} 1 boot`, 'bb 1 1 another-boot']) {
      writeFileSync(join(directory, '.lock.tool'), `${holder}\n`);
      expect((await ensureArtifact(host, { directory, name: 'tool', install })).wasInstalled).toBe(true);
      rmSync(join(directory, 'tool'), { recursive: true });
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  it('refuses a directory that others can write to, and what is no directory', async () => {
    mkdirSync(directory, { mode: 0o700 });
    chmodSync(directory, 0o1777);
    await expect(ensureArtifact(host, { directory, name: 'tool', install })).rejects.toMatchObject({
      code: 'PATH_REFUSED',
    });
    chmodSync(directory, 0o700);
    symlinkSync('/tmp', join(directory, 'tool'));
    await expect(ensureArtifact(host, { directory, name: 'tool', install })).rejects.toMatchObject({
      code: 'PATH_REFUSED',
    });
  });

  it('says so where it cannot write', async () => {
    writeFileSync(join(directory, '..', 'file'), '');
    await expect(
      ensureArtifact(host, { directory: join(directory, '..', 'file', 'x'), name: 'tool', install }),
    ).rejects.toMatchObject({ code: 'ARTIFACT_FAILED' });
  });
});

describe('stageFile', () => {
  const [shell] = shellHosts;
  const content = ['a'.repeat(70_000), 'b'];
  const whole = content.join('');

  const attempt = async (file: object): Promise<unknown> => {
    if (shell === undefined) throw new Error('no shell');
    await using host = shell.open();
    return await ensureArtifact(host, {
      directory,
      name: 'tool',
      install: (stage) => stageFile(stage, { name: 'tool', content: bytesOf(...content), ...file }),
    });
  };

  it('takes what has its size and digests', async () => {
    await attempt({
      sizeBytes: whole.length,
      sha256: createHash('sha256').update(whole).digest('hex'),
      sha512: createHash('sha512').update(whole).digest('base64'),
      mode: 0o644,
    });
    expect(execFileSync('cat', [join(directory, 'tool', 'tool')], { encoding: 'utf8' })).toBe(whole);
  });

  it.each([
    ['a digest that lies', { sha512: createHash('sha512').update('other').digest('hex') }],
    ['another digest that lies', { sha256: '00'.repeat(32) }],
    ['too few bytes', { sizeBytes: whole.length + 1 }],
    ['too many bytes', { sizeBytes: whole.length - 1 }],
  ])('refuses %s, and nothing is published', async (_, file) => {
    await expect(attempt(file)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(readdirSync(directory)).toEqual([]);
  });
});
