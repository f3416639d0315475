import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadConfig } from '../config/worker-config.ts';
import { redactStream } from './redact-stream.ts';
import { createRedactor } from './redactor.ts';
import { surroundingSecrets } from './surrounding-secrets.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-secrets-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('surroundingSecrets', () => {
  it('are those of variables, of references in the configuration, and of the URL of the store', async () => {
    const path = join(directory, 'config.yaml');
    await writeFile(join(directory, 'password'), 'of-the-host\n');
    await writeFile(
      path,
      'keys: { a: env:SOME_NAME, gone: file:nowhere }\nhosts: { b: { password: file:password, passphrase: key:a } }\n',
    );
    const env = { API_TOKEN: 'of-a-token', SOME_NAME: 'of-a-key', PATH: '/bin', EMPTY_KEY: '' };
    const config = await loadConfig({ path, named: undefined, env });
    const store = 'mongodb://me:p%40ss@db/optio';
    expect(new Set(await surroundingSecrets({ config, env, places: { store } }))).toEqual(
      new Set(['of-a-token', 'of-a-key', 'of-the-host', 'p@ss']),
    );
    expect(await surroundingSecrets({ config, env: {}, places: { store: '/optio.db' } })).toEqual(['of-the-host']);
  });
});

describe('redactStream', () => {
  it('takes out what becomes known later, too', () => {
    const written: unknown[] = [];
    const stream = { write: (chunk: unknown) => written.push(chunk) > 0 };
    const redactor = createRedactor();
    redactStream(stream as never, redactor);
    stream.write('sk-later\n');
    redactor.add(['sk-later']);
    stream.write('sk-later\n');
    expect(written).toEqual(['sk-later\n', '[redacted]\n']);
  });
});
