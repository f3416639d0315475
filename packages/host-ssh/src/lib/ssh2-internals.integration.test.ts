import { KeyObject } from 'node:crypto';
import { once } from 'node:events';

import { startSshd } from '@optio-ts/testkit';
import ssh2, { type ClientChannel } from 'ssh2';
import { expect, it } from 'vitest';

import { closeChannel, prepareKeys, signAtOnce, topUpWindow } from './ssh2-internals.ts';

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
  const client = new ssh2.Client();
  client.connect({ host: sshd.host, port: sshd.port, username: sshd.user, privateKey: sshd.privateKey });
  await once(client, 'ready');
  const channel = await new Promise<ClientChannel>((resolve, reject) =>
    client.exec('head -c 300000 /dev/zero', (error, opened) => (error ? reject(error) : resolve(opened))),
  );
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
  const client = new ssh2.Client();
  client.connect({ host: sshd.host, port: sshd.port, username: sshd.user, privateKey: sshd.privateKey });
  await once(client, 'ready');
  const { _protocol: protocol } = client as unknown as { readonly _protocol: { channelWindowAdjust: () => void } };
  let adjustments = 0;
  protocol.channelWindowAdjust = () => {
    adjustments += 1;
  };
  const channel = await new Promise<ClientChannel>((resolve, reject) =>
    // As much as the window lets in.
    client.exec('head -c 2097152 /dev/zero', (error, opened) => (error ? reject(error) : resolve(opened))),
  );
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
  const client = new ssh2.Client();
  client.connect({ host: sshd.host, port: sshd.port, username: sshd.user, privateKey: sshd.privateKey });
  await once(client, 'ready');
  prepareKeys(client);
  const { _protocol: protocol } = client as unknown as {
    readonly _protocol: { readonly _cipher: { _encKey: unknown }; readonly _decipher: { _decipherKey: unknown } };
  };
  expect([protocol._cipher._encKey, protocol._decipher._decipherKey]).toEqual([
    expect.any(KeyObject),
    expect.any(KeyObject),
  ]);
  const channel = await new Promise<ClientChannel>((resolve, reject) =>
    client.exec('echo answer', (error, opened) => (error ? reject(error) : resolve(opened))),
  );
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
    const client = new ssh2.Client();
    client.connect({ host: sshd.host, port: sshd.port, username: sshd.user, privateKey: sshd.privateKey });
    if (isDirect) signAtOnce(client);
    await once(client, 'ready');
    await end(client);
    return sshd.log().slice(before);
  };
  expect(await logIn(false)).toContain('Postponed publickey');
  expect(await logIn(true)).not.toContain('Postponed publickey');
});
