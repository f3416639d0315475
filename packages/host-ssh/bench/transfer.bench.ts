// 256 MiB up and down, whole files on both sides, against OpenSSH's `ssh host cat`, the same over a ControlMaster, and `scp`.
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { fetchFile, pushFile } from '@optio-ts/host-core';
import { measure, printTable, type Measured } from '@optio-ts/testkit';

import { openBench, runHere } from './support.ts';

const mebibytes = 256;
const sizeBytes = mebibytes * 1024 * 1024;

for (const { delayMs, rounds } of [
  { delayMs: 0, rounds: 5 },
  { delayMs: 25, rounds: 1 },
]) {
  await using bench = await openBench(delayMs);
  const { host, sshArguments, masterArguments, scpArguments, sshd } = bench;
  const source = join(bench.directory, 'source');
  const target = join(bench.directory, 'target');
  await fill(source);
  await host.run(['true']);
  // A file that is overwritten costs more than one that is made.
  const between = (): Promise<void> => rm(target, { force: true });
  const server = `${sshd.user}@${sshd.host}`;
  const options = { rounds, warmUp: delayMs === 0 ? 1 : 0, between };

  const up = await measure(
    {
      ours: () => pushFile(host, target, createReadStream(source, { highWaterMark: 256 * 1024 }), { sizeBytes }),
      ssh: () => runHere('ssh', [...sshArguments, `cat >${target}`], `<${source}`),
      master: () => runHere('ssh', [...masterArguments, `cat >${target}`], `<${source}`),
      scp: () => runHere('scp', [...scpArguments, source, `${server}:${target}`]),
    },
    options,
  );
  await runHere('cmp', [source, target]);
  print('up', 'pushFile', delayMs, up);
  const down = await measure(
    {
      ours: () => fetchFile(host, source, target),
      ssh: () => runHere('ssh', [...sshArguments, `cat ${source}`], `>${target}`),
      master: () => runHere('ssh', [...masterArguments, `cat ${source}`], `>${target}`),
      scp: () => runHere('scp', [...scpArguments, `${server}:${source}`, target]),
    },
    options,
  );
  await runHere('cmp', [source, target]);
  print('down', 'fetchFile', delayMs, down);
}

function print(
  direction: string,
  ours: string,
  delayMs: number,
  measured: Readonly<Record<'ours' | 'ssh' | 'master' | 'scp', Measured>>,
): void {
  const row = (name: string, { medianMs, p90Ms }: Measured): string[] => [
    name,
    medianMs.toFixed(0),
    p90Ms.toFixed(0),
    ((sizeBytes / medianMs) * 1e-3).toFixed(0),
    (medianMs / measured.ours.medianMs).toFixed(2),
  ];
  printTable(
    `${mebibytes} MiB ${direction}, ${delayMs * 2} ms there and back`,
    ['', 'median ms', 'p90 ms', 'MB/s', 'times ours'],
    [
      row(ours, measured.ours),
      row('ssh host cat', measured.ssh),
      row('the same with ControlMaster', measured.master),
      row('scp', measured.scp),
    ],
  );
}

async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  for (let written = 0; written < mebibytes; written += 1) await file.write(randomBytes(1024 * 1024));
  await file.close();
}
