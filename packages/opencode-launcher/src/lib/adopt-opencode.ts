import type { PortForward, SupervisedProcess } from '@optio-ts/host-core';
import { HostError } from '@optio-ts/host-core';

import { createServer } from './opencode-server.ts';
import type { OpencodeServer } from './opencode-server.ts';
import { prepareRuntime } from './runtime.ts';
import type { OpencodeTaskOptions } from './runtime.ts';
import { waitUntilReady } from './wait-until-ready.ts';

/** Options of `adoptOpencode`. */
export interface AdoptOpencodeOptions extends OpencodeTaskOptions {
  /** The server's process, as `findSupervised` finds it by the run id that it was started with. */
  readonly process: SupervisedProcess;
  /** Port on the host. */
  readonly port: number;
  readonly password: string;
  /** Port on this machine to forward it to. @default a free one; also when this one is taken */
  readonly localPort?: number;
  /** Milliseconds until it must have answered. @default 30000 */
  readonly timeoutMs?: number;
}

/**
 * Takes up a server that another process has launched: forwards its port again and asks whether it answers. Nothing is started, and
 * nothing is ended when that fails. Throws `OpencodeStartError` as `launchOpencode` does, and what the host throws.
 */
export async function adoptOpencode(options: AdoptOpencodeOptions): Promise<OpencodeServer> {
  const { process, port, password, binary, timeoutMs = 30_000, abortSignal } = options;
  // It runs: what confinement it has was decided then, and a warning about it was told then.
  const runtime = await prepareRuntime({ ...options, onWarning: () => undefined });
  const forward = await forwardAgain(options);
  try {
    const secrets = [...runtime.secrets, password];
    const server = createServer({ task: options, runtime, process, forward, port, password, secrets });
    const { client } = server;
    const version = binary.version;
    await waitUntilReady({ process, client, version, port, timeoutMs, session: undefined, secrets, abortSignal });
    return server;
  } catch (error) {
    await forward[Symbol.asyncDispose]();
    throw error;
  }
}

/** On the same port of this machine as before, if it can be: whoever has the address open goes on. */
async function forwardAgain({ host, port, localPort, abortSignal }: AdoptOpencodeOptions): Promise<PortForward> {
  const signal = abortSignal && { abortSignal };
  if (localPort !== undefined) {
    try {
      return await host.forwardPort(port, { localPort, ...signal });
    } catch (error) {
      if (!HostError.is(error) || error.code !== 'FORWARD_FAILED') throw error;
    }
  }
  return host.forwardPort(port, { ...signal });
}
