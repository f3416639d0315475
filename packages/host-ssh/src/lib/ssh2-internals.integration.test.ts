import { KeyObject } from 'node:crypto';
import { once } from 'node:events';

import { startSshd } from '@optio-ts/testkit';
import type { SshServer } from '@optio-ts/testkit';
import ssh2, { type ClientChannel } from 'ssh2';
import { expect, it } from 'vitest';

import { closeChannel, prepareKeys, signAtOnce, topUpWindow } from './ssh2-internals.ts';

async function connect(server: SshServer, prepare?: (client: ssh2.Client) => void): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  client.connect({ host: server.host, port: server.port, username: server.user, privateKey: server.privateKey });
  prepare?.(client);
  await once(client, 'ready');
  return client;
}

const execute = (client: ssh2.Client, command: string): Promise<ClientChannel> =>
  new Promise((resolve, reject) =>
    client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel))),
  );

/** Before its server ends: an end of the link that comes from there is an error. */
async function end(client: ssh2.Client): Promise<void> {
  const closed = once(client, 'close');
  client.end();
  await closed;
}

it('finds in ssh2 what opens the window again, long before half of it is used up', async ({ skip }) => {
  const { sshd, reason } = await startSshd();
  if (sshd === undefined) return skip(reason);
  await using _ = sshd;
  const client = await connect(sshd);
  const channel = await execute(client, 'head -c 300000 /dev/zero');
  const { incoming } = channel as ClientChannel & { readonly incoming: { readonly window: number } };
  let received = 0;
  const atTheEnd = new Promise<readonly number[]>((resolve) =>
    channel.on('data', (chunk: Buffer) => {
      received += chunk.byteLength;
      if (received < 300_000) return;
      const used = incoming.window;
      topUpWindow(channel);
      resolve([used, incoming.window]);
    }),
  );
  expect(await atTheEnd).toEqual([2 * 1024 * 1024 - 300_000, 2 * 1024 * 1024]);
  await end(client);
});

it('says nothing more of a channel that it has closed, though much of what was under way is read', async ({ skip }) => {
  const { sshd, reason } = await startSshd();
  if (sshd === undefined) return skip(reason);
  await using _ = sshd;
  const client = await connect(sshd);
  const { _protocol: protocol } = client as unknown as { readonly _protocol: { channelWindowAdjust: () => void } };
  let adjustments = 0;
  protocol.channelWindowAdjust = () => {
    adjustments += 1;
  };
  // As much as the window lets in.
  const channel = await execute(client, 'head -c 2097152 /dev/zero');
  await once(channel, 'readable');
  closeChannel(channel);
  let received = 0;
  channel.on('data', (chunk: Buffer) => {
    received += chunk.byteLength;
    topUpWindow(channel);
  });
  await once(channel, 'close');
  expect(received).toBeGreaterThan(0);
  expect(adjustments).toBe(0);
  await end(client);
});

it('finds the keys of a connection in ssh2, and the connection works as before', async ({ skip }) => {
  const { sshd, reason } = await startSshd();
  if (sshd === undefined) return skip(reason);
  await using _ = sshd;
  const client = await connect(sshd);
  prepareKeys(client);
  const { _protocol: protocol } = client as unknown as {
    readonly _protocol: { readonly _cipher: { _encKey: unknown }; readonly _decipher: { _decipherKey: unknown } };
  };
  expect([protocol._cipher._encKey, protocol._decipher._decipherKey]).toEqual([
    expect.any(KeyObject),
    expect.any(KeyObject),
  ]);
  const channel = await execute(client, 'echo answer');
  const [answer] = (await once(channel, 'data')) as [Buffer];
  expect(answer.toString()).toBe('answer\n');
  await end(client);
});

it('logs in with a key without asking first whether it would do', async ({ skip }) => {
  const { sshd, reason } = await startSshd();
  if (sshd === undefined) return skip(reason);
  await using _ = sshd;
  const logIn = async (isDirect: boolean): Promise<string> => {
    const before = sshd.log().length;
    await end(await connect(sshd, isDirect ? signAtOnce : undefined));
    return sshd.log().slice(before);
  };
  expect(await logIn(false)).toContain('Postponed publickey');
  expect(await logIn(true)).not.toContain('Postponed publickey');
});
