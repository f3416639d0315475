import type { Bytes, Host } from '@optio-ts/host-core';
import { startLink, startSshd, type Link, type Sshd, type StartSshdOptions } from '@optio-ts/testkit';
import { afterAll, afterEach, beforeAll, expect, type TestContext } from 'vitest';

import { createSshHost, type CreateSshHostOptions } from '../src/index.ts';
import { loginTo } from './login-to.ts';

/** Servers, links and hosts of the tests of a file; all but the shared server end with their test. */
export interface SshBench {
  /** One server for all that needs nothing of its own. */
  readonly useShared: (context: TestContext) => Sshd;
  readonly useOwn: (context: TestContext, options: StartSshdOptions) => Promise<Sshd>;
  readonly useLink: (sshd: Sshd, delayMs?: number) => Promise<Link>;
  readonly open: (sshd: Sshd, options?: Partial<CreateSshHostOptions>) => Host;
  /** What is closed after the test, the last one first. */
  readonly opened: AsyncDisposable[];
}

/** Sets the bench up for the file that calls this. */
export function setSshBench(): SshBench {
  let shared: { readonly sshd?: Sshd; readonly reason?: string };
  const opened: AsyncDisposable[] = [];

  beforeAll(async () => {
    shared = await startSshd({ hostKeys: ['ed25519', 'rsa'] });
  });
  afterEach(async () => {
    // All of them, whatever one says: a server that is not closed leaves its user on this machine.
    const failures: unknown[] = [];
    for (const one of opened.splice(0).toReversed()) {
      await Promise.resolve(one[Symbol.asyncDispose]()).catch((error: unknown) => failures.push(error));
    }
    expect(failures).toEqual([]);
  });
  afterAll(() => shared.sshd?.close());

  return {
    useShared: (context) => shared.sshd ?? context.skip(`needs ${shared.reason}`),
    async useOwn(context, options) {
      const { sshd, reason } = await startSshd(options);
      if (!sshd) return context.skip(`needs ${reason}`);
      opened.push(sshd);
      return sshd;
    },
    async useLink(sshd, delayMs = 0) {
      const link = await startLink({ targetPort: sshd.port, delayMs });
      opened.push(link);
      return link;
    },
    open(sshd, options = {}) {
      const host = createSshHost({ ...loginTo(sshd), ...options });
      opened.push(host);
      return host;
    },
    opened,
  };
}

/** What a command prints. */
export const text = async (host: Host, ...command: string[]): Promise<string> =>
  String((await host.run(command)).stdout);

/** All of a stream, as text. */
export async function readAll(bytes: Bytes): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** The first piece of a stream, as text. */
export async function firstOf(bytes: Bytes): Promise<string> {
  const { value } = await bytes[Symbol.asyncIterator]().next();
  return Buffer.from(value as Uint8Array).toString();
}
