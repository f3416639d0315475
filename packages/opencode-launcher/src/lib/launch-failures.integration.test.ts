import { once } from 'node:events';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { probeHost, writeFiles } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { findProcesses, setStage } from '../../test/stage.ts';
import type { Stage } from '../../test/stage.ts';
import type { LaunchOpencodeOptions } from './launch-opencode.ts';
import { opencodeFiles } from './opencode-files.ts';
import { importSession } from './session-import.ts';

// A start takes 2 s on an idle machine and ten times that on a busy one.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterEach(() => stage.stopServers());

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

async function failureOf(options: LaunchOpencodeOptions): Promise<Error & { readonly code: string }> {
  const result = await stage.launch(options).catch((error: unknown) => error);
  if (!(result instanceof Error && 'code' in result))
    throw new Error('It started, or failed without a code', { cause: result });
  return result as Error & { readonly code: string };
}

describe('launchOpencode that fails', () => {
  it('refuses to run unconfined where bubblewrap does not work, before anything is written', async () => {
    // As on a host that forbids name spaces to its users: the program is there and fails.
    const directory = join(stage.root, 'broken');
    await mkdir(directory);
    await writeFile(
      join(directory, 'bwrap'),
      '#!/bin/sh\necho "bwrap: No permissions to create a new namespace" >&2\nexit 1\n',
      {
        mode: 0o755,
      },
    );
    const host: Host = {
      ...stage.host,
      run: (command, own) =>
        stage.host.run(command, { ...own, env: { PATH: `${directory}:${process.env['PATH']}`, ...own?.env } }),
    };
    const { probe, ...options } = await stage.optionsFor({ host, confine: 'required' });
    const before = await readdir(options.workspace.taskDirectory, { recursive: true });
    expect(probe?.canConfine).toBe((await probeHost(stage.host)).canConfine);
    expect(await failureOf(options)).toMatchObject({ code: 'CONFINEMENT_UNAVAILABLE' });
    expect(await readdir(options.workspace.taskDirectory, { recursive: true })).toEqual(before);
    const content = Readable.from([Buffer.from('{}')]);
    await expect(importSession({ ...options, content })).rejects.toMatchObject({ code: 'CONFINEMENT_UNAVAILABLE' });
    expect(await readdir(options.workspace.taskDirectory, { recursive: true })).toEqual(before);
  });

  it('warns where it would rather be confined', async () => {
    const warnings: string[] = [];
    const probe = { ...stage.probe, canConfine: false };
    const server = await stage.launch(
      await stage.optionsFor({ confine: 'auto', probe, onWarning: ({ code }) => warnings.push(code) }),
    );
    expect([server.isConfined, warnings]).toEqual([false, ['NOT_CONFINED']]);
  });

  it('says that its port is taken', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const options = await stage.optionsFor({ port });
    const error = await failureOf(options);
    other.close();
    expect(error).toMatchObject({ code: 'PORT_TAKEN', message: expect.stringContaining(String(port)) as string });
    expect(await findProcesses(options.workspace.taskDirectory)).toEqual([]);
  });

  it('names a field that no configuration has, before anything is written', async () => {
    const options = await stage.optionsFor({ config: { permissions: 'allow' } });
    const error = await failureOf(options);
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('no field "permissions"') as string,
    });
    expect(await readdir(options.workspace.workdir)).not.toContain('opencode.json');
  });

  it('says what is wrong with the configuration of the task, without its keys', async () => {
    const provider = { broken: { options: { apiKey: 'key-in-the-task' }, models: 5 } };
    const options = await stage.optionsFor({ config: { provider } });
    const error = await failureOf(options);
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('opencode.json') as string,
    });
    expect(error.message).toContain('provider.broken.models');
    expect(error.message).not.toContain('key-in-the-task');
    expect(await findProcesses(options.workspace.taskDirectory)).toEqual([]);
  });

  it('says what is wrong with the configuration of the home, without its keys', async () => {
    const options = await stage.optionsFor();
    const directory = join(options.workspace.home, '.config/opencode');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'opencode.json'), '{"provider":{"x":{"options":{"apiKey":"key-in-the-home"}}},,}');
    const error = await failureOf(options);
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('home/.config/opencode') as string,
    });
    expect(error.message).not.toContain('key-in-the-home');
  });

  it('says that its home cannot be written', async () => {
    const options = await stage.optionsFor({ isPrepared: true });
    await writeFile(options.workspace.home, 'a file').catch(() => undefined); // a directory already
    const env = { HOME: '/proc/version', XDG_DATA_HOME: '/proc/version', XDG_STATE_HOME: '/proc/version' };
    expect(await failureOf({ ...options, env })).toMatchObject({
      code: 'HOME_NOT_WRITABLE',
      message: expect.stringContaining('/proc/version') as string,
    });
  });

  it('says that its database is broken', async () => {
    const options = await stage.optionsFor();
    await writeFile(
      join(options.workspace.taskDirectory, 'opencode.db'),
      'not a database, and long enough to be read as one'.repeat(100),
    );
    expect(await failureOf(options)).toMatchObject({ code: 'DATABASE_UNUSABLE' });
  });

  it('says that it ended, how, and what it printed', async () => {
    const path = join(stage.root, 'not-opencode');
    await writeFile(path, '#!/bin/sh\necho "this is not opencode: $OPENCODE_SERVER_PASSWORD" >&2\nexit 3\n', {
      mode: 0o700,
    });
    const error = await failureOf(await stage.optionsFor({ binary: { ...stage.binary, path } }));
    expect(error).toMatchObject({
      code: 'EXITED_EARLY',
      message: expect.stringContaining('with exit code 3') as string,
    });
    expect(error.message).toContain('this is not opencode: [redacted]');
  });

  it('keeps no more of the output than it may', async () => {
    const path = join(stage.root, 'talks-too-much');
    await writeFile(path, '#!/bin/sh\nyes "opencode talks and talks and talks" | head -c 12000000\nexit 3\n', {
      mode: 0o700,
    });
    const options = await stage.optionsFor({ binary: { ...stage.binary, path } });
    expect(await failureOf(options)).toMatchObject({ code: 'EXITED_EARLY', output: expect.any(Array) as unknown });
    const [id = ''] = await readdir(options.workspace.controlDirectory);
    expect((await stat(join(options.workspace.controlDirectory, id, 'output'))).size).toBe(8 * 1024 * 1024);
  });

  it('says that another version answers', async () => {
    const options = await stage.optionsFor({ isPrepared: true, binary: { ...stage.binary, version: '0.0.1' } });
    const files = opencodeFiles({ version: stage.binary.version, config: options.config ?? {} });
    await writeFiles(stage.host, options.workspace.workdir, files);
    const error = await failureOf(options);
    expect(error).toMatchObject({
      code: 'VERSION_MISMATCH',
      message: expect.stringContaining(stage.binary.version) as string,
    });
  });

  it('gives up in time, with the last output, and leaves nothing', async () => {
    const path = join(stage.root, 'never-ready');
    await writeFile(path, '#!/bin/sh\necho "still thinking of $OPENCODE_SERVER_PASSWORD"\nexec sleep 86398\n', {
      mode: 0o700,
    });
    const binary = { ...stage.binary, path };
    // A lease that is shorter than the start is renewed meanwhile.
    const options = await stage.optionsFor({ startupTimeoutMs: 3000, leaseMs: 1000, binary });
    const error = await failureOf(options);
    expect(error).toMatchObject({ code: 'START_TIMEOUT', output: ['still thinking of [redacted]'] });
    expect(error.message).toContain('within 3 s\n\nstill thinking of [redacted]');
    expect(await findProcesses(options.workspace.taskDirectory)).toEqual([]);
  });

  it('ends when it is aborted, and leaves nothing', async () => {
    const abort = new AbortController();
    const options = await stage.optionsFor({ abortSignal: abort.signal });
    const failed = failureOf(options);
    await expect.poll(() => findProcesses(options.workspace.taskDirectory), { timeout: 120_000 }).not.toEqual([]);
    abort.abort();
    expect(await failed).toMatchObject({ code: 'ABORTED' });
    expect(await findProcesses(options.workspace.taskDirectory)).toEqual([]);
  });
});
