// run(['true']) on a warm host, against `ssh` and `ssh` over a ControlMaster. The bare echo is what the way itself takes.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { measure, printTable, startLinkThread } from '@optio-ts/testkit';

import { openBench, runHere } from './support.ts';

for (const delayMs of [0, 25]) {
  await using bench = await openBench(delayMs);
  await using echo = await openEcho(delayMs);
  const run = (): Promise<unknown> => bench.host.run(['true']);
  await run();
  // As commands of a session come: not back to back.
  const between = (): Promise<void> => delay(150);
  const ours = { run, echo: () => echo.ask() };
  const warm = await measure(ours, { rounds: 40, between });
  const peers = await measure(
    {
      master: () => runHere('ssh', [...bench.masterArguments, 'true']),
      ssh: () => runHere('ssh', [...bench.sshArguments, 'true']),
    },
    { rounds: 10, warmUp: 1 },
  );
  await run();
  await delay(500);
  await bench.link?.takeCounts();
  await run();
  const trips = (await bench.link?.takeCounts())?.roundTrips;

  const rtt = delayMs * 2;
  const row = (name: string, { medianMs, p90Ms }: { medianMs: number; p90Ms: number }): string[] => [
    name,
    medianMs.toFixed(2),
    p90Ms.toFixed(2),
    rtt === 0 ? '' : (medianMs / rtt).toFixed(3),
    rtt === 0 ? '' : (medianMs / warm.echo.medianMs).toFixed(3),
    (medianMs / warm.run.medianMs).toFixed(1),
  ];
  printTable(
    `run(['true']) on a warm host, ${rtt} ms there and back${trips === undefined ? '' : ` (counted by the link: ${trips})`}`,
    ['', 'median ms', 'p90 ms', 'round trips', 'of bare echoes', 'times ours'],
    [
      row('a bare echo over TCP', warm.echo),
      row('run', warm.run),
      row('ssh with ControlMaster', peers.master),
      row('ssh', peers.ssh),
    ],
  );
}

async function openEcho(delayMs: number): Promise<AsyncDisposable & { ask(): Promise<void> }> {
  const server = createServer({ noDelay: true }, (socket) => socket.pipe(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const link = delayMs === 0 ? undefined : await startLinkThread({ targetPort: port, delayMs });
  const socket = connect({ host: '127.0.0.1', port: link?.port ?? port, noDelay: true });
  await once(socket, 'connect');
  return {
    async ask() {
      socket.write('?');
      await once(socket, 'data');
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      server.close();
      await link?.close();
    },
  };
}
