// A worker of its own, made to be killed: runs one session that its argument describes as JSON, and prints each event as a line.
import { createLocalHost } from '@optio-ts/host-core';
import { startOpencodeSession } from '@optio-ts/opencode-session';
import { openKeyring } from '@optio-ts/seed-engine';
import { createSqliteStore } from '@optio-ts/seed-engine/sqlite';

import type { WorkerTask } from './start-worker.ts';

const { storePath, identityPath, ...task } = JSON.parse(process.argv[2] ?? '') as WorkerTask;
const host = createLocalHost();
const store = createSqliteStore(storePath);
const { cipher } = await openKeyring({ store, identityPath });
const session = await startOpencodeSession({ autoStart: true, ...task, host, store, cipher, task: 'Write a report.' });
for await (const { type, id } of session.events) process.stdout.write(`${JSON.stringify({ type, id })}\n`);
const { state, reason } = await session.result;
process.stdout.write(`${JSON.stringify({ type: 'result', id: session.id, state, reason })}\n`);
await host[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
