// A worker of its own, made to be killed: starts one session, or recovers those that are open, and prints what it hears.
import { createHash } from 'node:crypto';

import { createLocalHost } from '@optio-ts/host-core';
import { listSessionDocuments } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';

import type { SurvivorOrder } from './survivor-process.ts';
import { recoverSurvivor, startSurvivor } from './survivor.ts';
import type { Survivor, SurvivorPlace } from './survivor.ts';

const order = JSON.parse(process.argv[2] ?? '') as SurvivorOrder;
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
await using host = createLocalHost();
await using store = createSqliteStore(order.storePath);
const place: SurvivorPlace = {
  ...order,
  host,
  store,
  hooks: {
    async onDeliverable(_context, { name, content }) {
      const hash = createHash('sha256');
      for await (const chunk of content()) hash.update(chunk);
      say({ type: 'delivered', text: `${name} ${hash.digest('hex')}` });
    },
  },
};

async function attend({ document, action, session, result }: Survivor): Promise<void> {
  say({ type: 'begun', id: document.id, text: action });
  for await (const event of session?.events ?? []) {
    say({
      type: event.type,
      id: event.id,
      text: 'message' in event ? event.message : 'name' in event ? event.name : '',
    });
  }
  const outcome = await result;
  say({ type: 'result', id: document.id, text: `${outcome?.state} ${outcome?.reason}` });
}

if (order.script !== undefined) await attend(await startSurvivor(place, { ...order, script: order.script }));
else {
  for (const state of ['starting', 'live', 'ending'] as const) {
    for await (const { id } of listSessionDocuments(store, { state })) await attend(await recoverSurvivor(place, id));
  }
}
