// 1000 files of 4 KiB in one writeFiles at 20 ms there and back, against `tar | ssh host tar` and `scp -r`.
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { createLocalHost, writeFiles } from '@optio-ts/host-core';
import { measure, printTable, type Measured } from '@optio-ts/testkit';

import { openBench, runHere } from './support.ts';

const files = Array.from({ length: 1000 }, (_, index) => ({
  path: `d${index % 10}/${index}`,
  content: randomBytes(4096),
}));

for (const delayMs of [0, 10]) {
  await using bench = await openBench(delayMs);
  const source = join(bench.directory, 'source');
  const target = join(bench.directory, 'target');
  await using here = createLocalHost();
  await writeFiles(here, source, files);
  await bench.host.run(['true']);
  const between = (): Promise<void> => rm(target, { recursive: true, force: true });
  const { sshArguments, scpArguments, sshd } = bench;
  const { ours, tar } = await measure(
    {
      ours: () => writeFiles(bench.host, target, files),
      tar: () =>
        runHere('sh', [
          '-c',
          'from=$1 to=$2; shift 2; tar -C "$from" -cf - . | ssh "$@" "mkdir $to && tar -C $to -xf -"',
          'sh',
          source,
          target,
          ...sshArguments,
        ]),
    },
    { rounds: 15, between },
  );
  const { scp } = await measure(
    { scp: () => runHere('scp', [...scpArguments, '-r', source, `${sshd.user}@${sshd.host}:${target}`]) },
    { rounds: 1, warmUp: 0, between },
  );
  const row = (name: string, { medianMs, p90Ms }: Measured): string[] => [
    name,
    medianMs.toFixed(0),
    p90Ms.toFixed(0),
    (medianMs / ours.medianMs).toFixed(1),
  ];
  printTable(
    `1000 files of 4 KiB, ${delayMs * 2} ms there and back`,
    ['', 'median ms', 'p90 ms', 'times ours'],
    [row('writeFiles', ours), row('tar through ssh', tar), row('scp -r', scp)],
  );
}
