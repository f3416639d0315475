import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { loginTo } from '../../test/login-to.ts';
import { firstOf, readAll, setSshBench, text } from '../../test/ssh-bench.ts';
import { acceptNew, createSshHost, fromKnownHosts, pinnedKey } from '../index.ts';

const { open, opened, useLink, useOwn, useShared } = setSshBench();

describe('host keys', () => {
  it('are checked before anything is sent that could authenticate', async (ctx) => {
    const sshd = await useOwn(ctx, {});
    const wrong = `SHA256:${'a'.repeat(43)}`;
    await expect(open(sshd, { hostKeys: pinnedKey(wrong) }).run(['true'])).rejects.toMatchObject({
      code: 'HOST_KEY_REFUSED',
      message: expect.stringContaining(sshd.hostKeys[0]?.fingerprint ?? 'none') as string,
    });
    expect(sshd.log()).not.toMatch(/Accepted|Failed|userauth/);
  });

  it('of the type that the file holds are asked for', async (ctx) => {
    const sshd = useShared(ctx);
    const directory = await mkdtemp(join(tmpdir(), 'optio-known-'));
    const file = join(directory, 'known_hosts');
    try {
      // Of the server's two keys the one it would not show by itself.
      await writeFile(file, sshd.knownHosts.split('\n')[1] ?? '');
      expect(await text(open(sshd, { hostKeys: fromKnownHosts(file) }), 'echo', 'in')).toBe('in\n');
      await writeFile(file, '');
      await expect(open(sshd, { hostKeys: fromKnownHosts(file) }).run(['true'])).rejects.toMatchObject({
        code: 'HOST_KEY_REFUSED',
      });
      await rm(file);
      await expect(open(sshd, { hostKeys: fromKnownHosts(file) }).run(['true'])).rejects.toMatchObject({
        code: 'HOST_KEY_REFUSED',
        message: expect.stringContaining(file) as string,
      });
      expect(await text(open(sshd, { hostKeys: acceptNew(file) }), 'echo', 'new')).toBe('new\n');
      expect(await text(open(sshd, { hostKeys: fromKnownHosts(file) }), 'echo', 'known')).toBe('known\n');
      expect(await readFile(file, 'utf8')).toContain(`[127.0.0.1]:${sshd.port} ssh-ed25519 `);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('are checked at each jump', async (ctx) => {
    const [gate, sshd] = [await useOwn(ctx, {}), useShared(ctx)];
    const jump = {
      host: gate.host,
      port: gate.port,
      user: gate.user,
      authentication: { type: 'key-file', path: gate.privateKeyFile },
      hostKeys: pinnedKey(gate.hostKeys[0]?.publicKey ?? ''),
    } as const;
    expect(await text(open(sshd, { jumps: [jump] }), 'echo', 'through')).toBe('through\n');
    expect(gate.log()).toContain('Accepted publickey');
    const bad = { ...jump, hostKeys: pinnedKey(`SHA256:${'a'.repeat(43)}`) };
    await expect(open(sshd, { jumps: [bad] }).run(['true'])).rejects.toMatchObject({ code: 'HOST_KEY_REFUSED' });
  });
});

describe('authentication', () => {
  it('says what was tried when nothing is accepted, and no secret', async (ctx) => {
    const [sshd, other] = [useShared(ctx), await useOwn(ctx, {})];
    const host = open(sshd, {
      authentication: [
        { type: 'key', privateKey: other.privateKey },
        { type: 'password', password: 'hunter2' },
      ],
    });
    const error = (await host.run(['true']).catch((caught: unknown) => caught)) as Error & { code: string };
    expect(error.code).toBe('CONNECT_FAILED');
    expect(error.message).toMatch(
      /Cannot log in to .*tried the given key \(ssh-ed25519 SHA256:.*the server takes publickey/,
    );
    expect(JSON.stringify([error.message, String(error.cause), error.stack])).not.toContain('hunter2');
  });

  it('takes a password', async (ctx) => {
    const sshd = await useOwn(ctx, { user: 'other', password: 'pass word' });
    const host = open(sshd, { authentication: { type: 'password', password: () => Promise.resolve('pass word') } });
    expect(await text(host, 'id', '-un')).toBe(`${sshd.user}\n`);
  });

  it('goes on where an agent cannot be asked', async (ctx) => {
    const sshd = useShared(ctx);
    const authentication = [
      { type: 'agent', socketPath: '/no/such/agent' },
      { type: 'key', privateKey: sshd.privateKey },
    ] as const;
    expect(await text(open(sshd, { authentication }), 'echo', 'in')).toBe('in\n');
  });

  it('refuses an encrypted key without its passphrase, naming the file and not the key', async (ctx) => {
    const sshd = useShared(ctx);
    const directory = await mkdtemp(join(tmpdir(), 'optio-key-'));
    opened.push({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) });
    const path = join(directory, 'key');
    await writeFile(path, sshd.privateKey, { mode: 0o600 });
    const local = (await import('@optio-ts/host-core')).createLocalHost();
    opened.push(local);
    await local.run(['ssh-keygen', '-q', '-p', '-P', '', '-N', 'secret', '-f', path]);
    await expect(open(sshd, { authentication: { type: 'key-file', path } }).run(['true'])).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining(`${path} is encrypted and no passphrase was given`) as string,
    });
    const authentication = { type: 'key-file', path, passphrase: 'secret' } as const;
    expect(await text(open(sshd, { authentication }), 'echo', 'in')).toBe('in\n');
  });
});

describe('connecting', () => {
  it('fails with the reason, and works when the reason is gone', async (ctx) => {
    const link = await useLink(useShared(ctx));
    link.cut({ refuse: true });
    const host = open(useShared(ctx), { port: link.port });
    await expect(host.run(['true'])).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    link.mend();
    expect(await text(host, 'echo', 'back')).toBe('back\n');
  });

  it('gives up on a server that says nothing, and sooner when aborted', async (ctx) => {
    const link = await useLink(useShared(ctx));
    link.halfOpen();
    const host = open(useShared(ctx), { port: link.port, connectTimeoutMs: 300 });
    await expect(host.run(['true'])).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    const patient = open(useShared(ctx), { port: link.port });
    const abortSignal = AbortSignal.timeout(50);
    await expect(patient.run(['true'], { abortSignal })).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(patient.run(['true'], { timeoutMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('takes one round trip for a command on a warm connection', async (ctx) => {
    const link = await useLink(useShared(ctx), 20);
    const host = open(useShared(ctx), { port: link.port });
    await host.run(['true']);
    // Shells that are made ready in the background talk as well, until there are enough.
    const roundTrips = async (): Promise<number> => {
      link.resetCounts();
      await host.run(['true']);
      return link.counts().roundTrips;
    };
    await expect.poll(roundTrips, { interval: 500 }).toBe(1);
  });
});

describe('sessions', () => {
  it('of a server that allows one per connection are enough, by more connections', async (ctx) => {
    const sshd = await useOwn(ctx, { config: ['MaxSessions 1'] });
    const host = open(sshd);
    const children = await Promise.all(
      [1, 2, 3].map(() => host.spawn(['sh', '-c', 'read -r line; echo "$line"'], { stdin: 'x\n' })),
    );
    const long = await host.spawn(['sleep', '600']);
    const runs = await Promise.all(Array.from({ length: 6 }, (_, index) => text(host, 'echo', String(index))));
    expect(runs).toEqual(['0\n', '1\n', '2\n', '3\n', '4\n', '5\n']);
    expect(await Promise.all(children.map((child) => readAll(child.stdout)))).toEqual(['x\n', 'x\n', 'x\n']);
    await long.kill({ graceMs: 0 });
    await expect(long.exited).resolves.toMatchObject({ signal: 'SIGKILL' });
  });

  it('serve twenty long commands and twenty short ones with the usual limit', async (ctx) => {
    const host = open(useShared(ctx));
    const children = await Promise.all(Array.from({ length: 20 }, () => host.spawn(['sleep', '600'])));
    const runs = await Promise.all(Array.from({ length: 20 }, (_, index) => text(host, 'echo', String(index))));
    expect(runs).toEqual(Array.from({ length: 20 }, (_, index) => `${index}\n`));
    await Promise.all(children.map((child) => child.kill()));
  });
});

describe('a process left in the background', () => {
  it('does not keep a result waiting, and costs none of the command’s own output', async (ctx) => {
    const link = await useLink(useShared(ctx), 40);
    const host = open(useShared(ctx), { port: link.port });
    const script = 'sleep 600 & head -c 3000000 /dev/zero; echo err >&2; exit 4';
    for (let round = 0; round < 3; round += 1) {
      const { stdout, stderr, exitCode } = await host.run(['sh', '-c', script]);
      expect([stdout.length, String(stderr), exitCode]).toEqual([3_000_000, 'err\n', 4]);
    }
  });

  it('that writes without end is cut off', async (ctx) => {
    const child = await open(useShared(ctx)).spawn(['sh', '-c', 'yes & exit 0']);
    for await (const chunk of child.stdout) expect(chunk.length).toBeGreaterThan(0);
    expect(await child.exited).toEqual({ exitCode: 0, signal: undefined });
    await child.kill();
  });
});

describe('login shells', () => {
  const noise = 'printf "no line break"; echo noise >&2; echo more noise';

  it('that print on both streams change nothing of a result', async (ctx) => {
    const sshd = await useOwn(ctx, { user: 'other', loginShell: '/bin/bash', homeFiles: { '.bashrc': noise } });
    const host = open(sshd);
    const result = await host.run(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect({ ...result, stdout: String(result.stdout), stderr: String(result.stderr) }).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 3,
      signal: undefined,
    });
  });

  it('that run no commands are named as the reason', async (ctx) => {
    const sshd = await useOwn(ctx, { user: 'other', loginShell: '/usr/sbin/nologin' });
    await expect(open(sshd).run(['true'])).rejects.toMatchObject({
      code: 'HOST_UNSUPPORTED',
      message: expect.stringContaining('not available') as string,
    });
  });

  it('never see arguments or environment of a command', async (ctx) => {
    const sshd = await useOwn(ctx, { user: 'other' });
    const host = open(sshd);
    const env = { SECRET: 'c0nf1dent1al' };
    const child = await host.spawn(['sh', '-c', 'echo ready; read -r line', 'argument'], { env, stdin: forever() });
    await firstOf(child.stdout);
    // All processes' arguments, as any user of the machine can read them.
    const { stdout } = await host.run(['sh', '-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null']);
    expect(String(stdout)).toContain('argument');
    expect(String(stdout)).not.toContain('c0nf1dent1al');
    expect(sshd.log()).not.toContain('c0nf1dent1al');
    await child.kill({ graceMs: 0 });
  });
});

describe('dispose', () => {
  it('ends what was started, and what that left behind, and leaves no process', async (ctx) => {
    const sshd = await useOwn(ctx, {});
    const host = open(sshd);
    await host.run(['sh', '-c', 'setsid sleep 600 >/dev/null 2>&1 &']);
    const child = await host.spawn(['sh', '-c', 'trap "" TERM; sleep 600 & wait']);
    const running = expect(host.run(['sleep', '600'])).rejects.toMatchObject({ code: 'DISPOSED' });
    await host[Symbol.asyncDispose]();
    await running;
    await expect(child.exited).rejects.toMatchObject({ code: 'DISPOSED' });
    await expect(host.run(['true'])).rejects.toMatchObject({ code: 'DISPOSED' });
    await expect.poll(() => sshd.processes()).toEqual([]);
    await host[Symbol.asyncDispose]();
  });

  it('does not wait for a connection that is being made', async (ctx) => {
    const link = await useLink(useShared(ctx));
    link.halfOpen();
    const host = open(useShared(ctx), { port: link.port });
    const running = expect(host.run(['true'])).rejects.toMatchObject({ code: 'DISPOSED' });
    await host[Symbol.asyncDispose]();
    await running;
  });

  it('says so when an end could not be confirmed', async (ctx) => {
    const link = await useLink(useShared(ctx));
    const host = createSshHost(loginTo(useShared(ctx), link));
    const child = await host.spawn(['sleep', '600']);
    link.cut({ refuse: true });
    await expect(child.exited).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(host[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'KILL_NOT_CONFIRMED' });
  });
});

async function* forever(): AsyncGenerator<Uint8Array, void, void> {
  yield new Uint8Array(0);
  await new Promise(() => {});
}
