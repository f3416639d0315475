// A process of its own for tests of memory: `memory-probe.ts sqlite <file> <home> <target>` or `memory-probe.ts mongo
// <uri> <database> <home> <target>`. Captures the home as a seed, sealed with age, and plants it into the target. Prints
// one line of JSON: by how many bytes resident memory grew at most, and how long each took.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';

import { createLocalHost } from '@optio-ts/host-core';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { MongoClient } from 'mongodb';

import { ageCipher } from '../src/lib/age-cipher.ts';
import { createMongoStore } from '../src/lib/mongo-store.ts';
import { captureSeed, plantSeed } from '../src/lib/seed-host.ts';
import { createSqliteStore } from '../src/lib/sqlite-store.ts';

const [kind = '', place = '', ...rest] = process.argv.slice(2);
const manifest = { collection: { name: 'opencode_seeds' }, version: 1, include: ['env'], agent: 'opencode' };

const client = kind === 'mongo' ? await MongoClient.connect(place) : undefined;
const store = client === undefined ? createSqliteStore(place) : createMongoStore(client.db(rest.shift() ?? ''));
const [home = '', target = ''] = rest;
const host = createLocalHost();
const identity = await generateX25519Identity();
const cipher = ageCipher({ recipients: [await identityToRecipient(identity)], identities: [identity] });

/** What the kernel says of this process's memory, in bytes. */
async function memory(field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
}

async function measure(step: () => Promise<unknown>): Promise<{ grownBytes: number; ms: number }> {
  // From now on the peak is of this step.
  await writeFile('/proc/self/clear_refs', '5');
  const before = await memory('VmRSS');
  const start = performance.now();
  await step();
  return { grownBytes: (await memory('VmHWM')) - before, ms: performance.now() - start };
}

let seedId = '';
async function capture(from: string): Promise<void> {
  seedId = (await captureSeed({ store, cipher, host, home: from, manifest })).id;
}
async function plant(into: string): Promise<void> {
  await plantSeed({ store, cipher, host, home: into, manifest, seedId });
}

// A small one first: code, threads and connections are there, and what grows from here grows with the size.
const small = `${target}-small`;
await mkdir(`${small}/env`, { recursive: true });
await writeFile(`${small}/env/file`, randomBytes(1_000_000));
await capture(small);
await plant(`${small}/planted`);

const captured = await measure(() => capture(home));
const planted = await measure(() => plant(target));
process.stdout.write(`${JSON.stringify({ captured, planted })}\n`);
await store[Symbol.asyncDispose]();
await client?.close();
await host[Symbol.asyncDispose]();
