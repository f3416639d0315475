import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import { opencodeHomeFiles } from '@optio-ts/opencode-launcher';

/** Which opencode, and a directory of its own that does not exist yet. */
export interface BareOpencodeOptions {
  readonly program: string;
  readonly version: string;
  readonly directory: string;
}

/** Starts opencode with nothing around it, until it is ready and has made a session. Resolves with the milliseconds that took. */
export async function startBareOpencode({ program, version, directory }: BareOpencodeOptions): Promise<number> {
  for (const file of opencodeHomeFiles({ version })) {
    const path = join(directory, file.path);
    await mkdir('directory' in file ? path : dirname(path), { recursive: true });
    if ('content' in file) await writeFile(path, file.content);
  }
  const since = performance.now();
  const child = spawn(program, ['serve', '--hostname=127.0.0.1', '--port=0'], {
    cwd: directory,
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_SERVER_PASSWORD: 'bare',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    for await (const line of createInterface(child.stdout)) {
      const url = /http:\/\/\S+/.exec(line)?.[0];
      if (url === undefined) continue;
      const authorization = `Basic ${Buffer.from('opencode:bare').toString('base64')}`;
      const headers = { authorization, 'content-type': 'application/json' };
      const { status } = await fetch(`${url}/session`, { method: 'POST', headers, body: '{}' });
      if (status !== 200) throw new Error(`opencode answered ${status}`);
      return performance.now() - since;
    }
    throw new Error('opencode ended');
  } finally {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}
