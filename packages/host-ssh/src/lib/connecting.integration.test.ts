import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import type { Host } from '@optio-ts/host-core';
import { startSsh2Server, type SshServer } from '@optio-ts/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loginTo } from '../../test/login-to.ts';
import { watchResources } from '../../test/resources.ts';
import { createSshHost, type CreateSshHostOptions, type HostKeyPolicy } from '../index.ts';

let server: SshServer;
/** Never says whether it can reach what is behind it. */
let mute: SshServer;
/** Takes connections and says nothing: a host that is there and dead. */
let silent: Server;
const held: { destroy(): void }[] = [];

beforeAll(async () => {
  server = await startSsh2Server();
  mute = await startSsh2Server({
    oddity: { onLogin: (connection) => void connection.removeAllListeners('tcpip').on('tcpip', () => undefined) },
  });
  silent = createServer((socket) => void held.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
});
afterAll(async () => {
  for (const socket of held) socket.destroy();
  silent.close();
  await Promise.all([server.close(), mute.close()]);
});

const open = (options: Partial<CreateSshHostOptions> = {}): Host => createSshHost({ ...loginTo(server), ...options });

const silentPort = (): number => (silent.address() as AddressInfo).port;

/** The host's own policy, once the test lets it go on. */
function holdBack(policy: HostKeyPolicy): {
  readonly policy: HostKeyPolicy;
  asked: Promise<void>;
  readonly goOn: () => void;
} {
  const asked = Promise.withResolvers<void>();
  const going = Promise.withResolvers<void>();
  return {
    asked: asked.promise,
    goOn: going.resolve,
    policy: {
      description: policy.description,
      open: async (target) => {
        asked.resolve();
        await going.promise;
        return policy.open(target);
      },
    },
  };
}

describe('a host that is being connected', () => {
  it('may be closed while its known hosts are read', async () => {
    const { policy, asked, goOn } = holdBack(loginTo(server).hostKeys);
    const host = open({ hostKeys: policy });
    const running = host.run(['true']).catch((error: unknown) => error);
    await asked;
    await host[Symbol.asyncDispose]();
    expect(await running).toMatchObject({ code: 'DISPOSED' });
    // A rejection that nobody has taken yet would end this process, and fails the test.
    await new Promise((resolve) => setImmediate(resolve));
    goOn();
  });

  it('says at once that the server has hung up while its known hosts were read', async () => {
    const { policy, asked } = holdBack(loginTo(server).hostKeys);
    const host = open({ port: silentPort(), hostKeys: policy });
    const accepted = once(silent, 'connection') as Promise<[Socket]>;
    const running = host.run(['true']).catch((error: unknown) => error);
    await asked;
    (await accepted)[0].resetAndDestroy();
    expect(await running).toMatchObject({ code: 'CONNECT_FAILED', message: expect.stringContaining('ECONNRESET') });
    await host[Symbol.asyncDispose]();
  });

  it('is given up in time when its jump host never says whether it can be reached', async () => {
    const resources = watchResources();
    // Enough to come to the jump host, also on a busy machine.
    const far = { port: silentPort(), connectTimeoutMs: 3000 };
    const host = open({ jumps: [loginTo(mute)], ...far });
    const error = await host.run(['true']).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining('no answer within 3000 ms'),
    });
    await host[Symbol.asyncDispose]();
    // Soon: a timer that was forgotten would end some time, too.
    await expect.poll(() => resources.left(), { timeout: 10_000 }).toEqual([]);
    resources.stop();
  });

  it('says ABORTED of a forward that is aborted meanwhile', async () => {
    const controller = new AbortController();
    await using host = open({ port: silentPort(), connectTimeoutMs: 3000 });
    const forwarding = host.forwardPort(80, { abortSignal: controller.signal });
    const connected = once(silent, 'connection');
    await connected;
    controller.abort(new Error('not wanted'));
    await expect(forwarding).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('can be closed while a forward waits for it', async () => {
    const host = open({ port: silentPort(), connectTimeoutMs: 600_000 });
    const connected = once(silent, 'connection');
    const forwarding = host.forwardPort(80).catch((error: unknown) => error);
    await connected;
    await host[Symbol.asyncDispose]();
    expect(await forwarding).toMatchObject({ code: 'DISPOSED' });
  });
});
