import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { archiveDirectory, createLocalHost, restoreDirectory } from '@optio-ts/host-core';
import { originalHooks } from '@optio-ts/testkit';
import { setOriginalStage } from '@optio-ts/testkit/original-stage';
import { afterAll, describe, expect, it } from 'vitest';

import { bytesCipher } from './bytes-cipher.ts';
import { noCipher, type Cipher } from './cipher.ts';
import { createId } from './id.ts';
import { createMongoStore } from './mongo-store.ts';
import { openSnapshot } from './snapshot-capture.ts';
import { listSnapshots, loadLatestSnapshot, readSnapshotBlob } from './snapshots.ts';
import type { Store } from './store.ts';
import { listAll, noise, readAll, stream } from './testing/contract-case.ts';

// Snapshots of optio-opencode 0.1.6 itself and ours, on the same MongoDB server. Its opencode is a program that hands out
// and takes a session; what is in one is not looked at on either side.

const sessionId = 'ses_1';
const exported = JSON.stringify({ info: { id: sessionId }, messages: ['größe'.repeat(100_000)] });
const program = `#!/bin/sh
case $1 in
export) cat "\${0%/*}/exported.json" ;;
import) cp "$2" "\${0%/*}/imported.json" ;;
esac
`;
const files = {
  'AGENTS.md': '# Task\n',
  'optio.log': 'DONE\n',
  'deliverables/out.bin': noise(900_000).toString('latin1'),
};

for (const hooks of ['without encryption hooks', 'with encryption hooks']) {
  describe(`snapshots of the original and ours, ${hooks}`, () => {
    const key = hooks.startsWith('with ') ? randomBytes(32) : undefined;
    const cipher = key === undefined ? noCipher : aesHooks(key);
    const host = createLocalHost();
    let store: Store;
    const stage = setOriginalStage({
      key,
      async prepare({ db, taskRoot }) {
        store = createMongoStore(db);
        await writeFile(join(taskRoot, 'exported.json'), exported);
        await writeFile(join(taskRoot, 'opencode'), program);
        await chmod(join(taskRoot, 'opencode'), 0o755);
      },
    });
    afterAll(() => host[Symbol.asyncDispose]());

    const opencode = () => join(stage.taskRoot, 'opencode');
    const workdirOf = (taskId: string) => join(stage.taskRoot, taskId, 'workdir');

    async function fillWorkdir(taskId: string): Promise<string> {
      const workdir = workdirOf(taskId);
      await mkdir(join(workdir, 'deliverables'), { recursive: true });
      for (const [path, content] of Object.entries(files)) await writeFile(join(workdir, path), content, 'latin1');
      return workdir;
    }

    async function captureOurs(taskId: string): Promise<void> {
      const draft = openSnapshot({
        store,
        cipher,
        workdirCipher: noCipher, // What the original can read.
        agent: 'opencode',
        taskId,
        processId: createId(),
        sessionId,
      });
      await draft.write('workdir', archiveDirectory(host, await fillWorkdir(taskId)));
      await draft.write('session', stream(exported));
      await draft.commit({ endState: 'done' });
    }

    it("of the original's are resumed here", async () => {
      await fillWorkdir('theirs');
      const { processOid } = await stage.original.captureSnapshot({
        processId: 'theirs',
        sessionId,
        opencode: opencode(),
      });
      const snapshot = await loadLatestSnapshot(store, 'opencode', 'theirs');
      if (snapshot === undefined) throw new Error('There is no snapshot');
      expect(snapshot).toMatchObject({ taskId: 'theirs', sessionId, endState: 'done' });
      const session = await readAll(readSnapshotBlob(store, cipher, snapshot, 'session'));
      expect(session.toString()).toBe(exported);
      const target = workdirOf('theirs-here');
      await restoreDirectory(host, target, readSnapshotBlob(store, cipher, snapshot, 'workdir'));
      expect(await readFiles(target)).toEqual(files);
      const blobs = await stage.db.collection('fs.files').find({ 'metadata.processId': processOid }).toArray();
      expect(blobs.map(({ filename }) => filename as string).toSorted()).toEqual(['session', 'workdir']);
    });

    it('of ours are resumed by the original', async () => {
      await captureOurs('ours');
      const { value } = await stage.original.restoreSnapshot({
        processId: 'ours',
        into: 'ours-there',
        opencode: opencode(),
      });
      expect(value).toBe(sessionId);
      expect(await readFiles(workdirOf('ours-there'))).toEqual(files);
      expect(await readFile(join(stage.taskRoot, 'imported.json'), 'utf8')).toBe(exported);
    });

    it('are pruned by the original, ours among them, with their blobs', async () => {
      for (let round = 0; round < 3; round += 1) {
        await captureOurs('many');
        await stage.original.captureSnapshot({ processId: 'many', sessionId, opencode: opencode() });
      }
      const kept = await listAll(listSnapshots(store, 'opencode', 'many'));
      expect(kept).toHaveLength(5);
      const named = kept.flatMap(({ workdir, session }) => [workdir.id, session.id]);
      for (const id of named) await readAll(store.readBlob(id));
      // Two of each test before, and nothing of the one that is gone.
      expect(await stage.db.collection('fs.files').countDocuments()).toBe(named.length + 4);
      expect(await stage.db.collection('fs.chunks').distinct('files_id')).toHaveLength(named.length + 4);
      expect(await store.sweep({ olderThanMs: 0 })).toMatchObject({ removedBlobs: 0 });
    });

    it('share one index', async () => {
      const indexes = await stage.db.collection('optio_opencode_session_snapshots').indexes();
      expect(indexes.map(({ name }) => name)).toEqual(['_id_', 'by_processId_capturedAt_desc']);
    });
  });
}

/** The hooks that the original is given by its driver, as a cipher of ours. */
const aesHooks = (key: Uint8Array): Cipher => bytesCipher({ name: 'aes', ...originalHooks(key) });

async function readFiles(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile()) found[file.slice(directory.length + 1)] = await readFile(file, 'latin1');
  }
  return found;
}
