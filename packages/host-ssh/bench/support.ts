import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Host } from '@optio-ts/host-core';
import { startLinkThread, startSshd, type LinkThread, type Sshd } from '@optio-ts/testkit';

import { createSshHost, pinnedKey } from '../src/index.ts';

/** A real sshd behind a link, our host on it, and OpenSSH's commands for the same way. */
export interface Bench extends AsyncDisposable {
  readonly sshd: Sshd;
  readonly link: LinkThread | undefined;
  /** Port that the way begins at. */
  readonly port: number;
  readonly host: Host;
  /** An empty directory. */
  readonly directory: string;
  /** Arguments of `ssh` in front of the remote command. */
  readonly sshArguments: readonly string[];
  /** The same over the connection of a ControlMaster that is up. */
  readonly masterArguments: readonly string[];
  /** Arguments of `scp` in front of source and target; the target is `server:path`. */
  readonly scpArguments: readonly string[];
}

/** Starts all of it; without a delay there is no link, and the way is direct. */
export async function openBench(delayMs: number): Promise<Bench> {
  // What scp talks to.
  const { sshd, reason } = await startSshd({ config: ['Subsystem sftp internal-sftp'] });
  if (sshd === undefined) throw new Error(`no sshd here: ${reason}`);
  const link = delayMs === 0 ? undefined : await startLinkThread({ targetPort: sshd.port, delayMs });
  const port = link?.port ?? sshd.port;
  const directory = await mkdtemp(join(tmpdir(), 'optio-bench-'));
  const knownHosts = join(directory, 'known_hosts');
  await writeFile(knownHosts, sshd.knownHosts.replaceAll(`:${sshd.port} `, `:${port} `));
  const host = createSshHost({ ...sshd.login, port, hostKeys: pinnedKey(...sshd.fingerprints) });
  const options = [
    '-F',
    'none',
    '-i',
    sshd.privateKeyFile,
    ...['IdentitiesOnly=yes', `UserKnownHostsFile=${knownHosts}`, 'BatchMode=yes', 'LogLevel=ERROR'].flatMap(
      (option) => ['-o', option],
    ),
  ];
  const ssh = [...options, '-p', String(port)];
  const target = `${sshd.user}@${sshd.host}`;
  const control = ['-S', join(directory, 'master')];
  await runHere('ssh', [...ssh, ...control, '-M', '-f', '-N', target]);
  return {
    sshd,
    link,
    port,
    host,
    directory,
    sshArguments: [...ssh, target],
    masterArguments: [...ssh, ...control, target],
    scpArguments: [...options, '-q', '-P', String(port)],
    async [Symbol.asyncDispose]() {
      await runHere('ssh', [...ssh, ...control, '-O', 'exit', target]);
      await host[Symbol.asyncDispose]();
      await link?.close();
      await sshd.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Runs a program of this machine to its end; it has to succeed. */
export async function runHere(program: string, parameters: readonly string[], redirect = ''): Promise<void> {
  // A shell for the redirections only, so that files reach the program without passing through this process.
  const child = spawn('sh', ['-c', `exec "$@" ${redirect}`, 'sh', program, ...parameters], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${stderr}`);
}
