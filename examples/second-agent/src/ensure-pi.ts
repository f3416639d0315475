import { readFile } from 'node:fs/promises';

import { ensureArtifact, runChecked, writeFiles } from '@optio-ts/host-core';
import type { Command, Host, HostProbe } from '@optio-ts/host-core';

/** The version that the lockfile beside this package pins, with the digest of every package that comes along. */
const PI_VERSION = '0.74.2';

/** pi on a host. */
export interface PiProgram {
  /** Runs it; arguments follow. */
  readonly command: Command;
  /** What a confined pi must be able to read. */
  readonly readOnly: readonly string[];
}

/** Finds or installs pi on a host that has Node 20.6 or newer and npm. */
export async function ensurePi(host: Host, probe: HostProbe, abortSignal?: AbortSignal): Promise<PiProgram> {
  const limits = { timeoutMs: 300_000, ...(abortSignal && { abortSignal }) };
  const asked = await runChecked(host, ['node', '-p', 'process.execPath'], { ...limits, what: 'Cannot find Node' });
  const node = asked.stdout.toString('utf8').trim();
  const cli = (directory: string): Command => [
    node,
    `${directory}/node_modules/@earendil-works/pi-coding-agent/dist/cli.js`,
  ];
  const { path } = await ensureArtifact(host, {
    directory: `${probe.cacheHome}/optio-pi`,
    name: `pi-${PI_VERSION}`,
    install: async (stage) => {
      await writeFiles(host, stage.path, await Promise.all(['package.json', 'package-lock.json'].map(readPinned)));
      const options = ['--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund'];
      await runChecked(host, ['npm', 'ci', ...options], { ...limits, cwd: stage.path, what: 'Cannot install pi' });
    },
    verify: async (stage) => {
      await runChecked(host, [...cli(stage), '--version'], { ...limits, what: 'pi does not run' });
    },
    ...(abortSignal && { abortSignal }),
  });
  return { command: cli(path), readOnly: [path, node] };
}

async function readPinned(path: string): Promise<{ readonly path: string; readonly content: Uint8Array }> {
  return { path, content: await readFile(new URL(`../pi/${path}`, import.meta.url)) };
}
