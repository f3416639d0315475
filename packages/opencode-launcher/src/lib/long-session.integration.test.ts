import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';

import { startCampaign } from '@optio-ts/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { setStage, takeTurn } from '../../test/stage.ts';
import type { Stage } from '../../test/stage.ts';
import { importSession } from './session-import.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

interface ExportedSession {
  readonly info: { readonly id: string; readonly title: string };
  readonly messages: readonly { readonly info: { readonly id: string }; readonly parts: readonly Part[] }[];
}

type Part = { readonly id: string; readonly type: string; readonly text?: string };

interface Exported extends ExportedSession {
  readonly optio: {
    readonly todos: readonly unknown[];
    readonly children: readonly (ExportedSession & { readonly optio: { readonly todos: readonly unknown[] } })[];
  };
}

async function read(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let start = 0; start < bytes.length; start += 65_536) yield bytes.subarray(start, start + 65_536);
}

/** Makes the last text of a session as long as is asked for, in parts of a megabyte with every kind of character. */
function grow(session: ExportedSession, megabytes: number): ExportedSession {
  const target = session.messages.findLast(({ parts }) => parts.some(({ type }) => type === 'text'));
  const pattern = target?.parts.findLast(({ type }) => type === 'text');
  if (target === undefined || pattern === undefined) throw new Error('The session says nothing');
  const more = Array.from({ length: megabytes }, (_, index): Part => {
    const text = `${index} “ünïcode” 🍍 \\ " \u0001 ${randomBytes(500_000).toString('hex')}`;
    return { ...pattern, id: `${pattern.id}${String(index).padStart(4, '0')}`, text };
  });
  // opencode orders parts by their ids.
  const parts = [...target.parts, ...more].toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const messages = session.messages.map((message) => (message === target ? { ...message, parts } : message));
  return { ...session, messages };
}

/** Where two JSON values first differ, in few words: `toEqual` would print all of them. */
function difference(one: unknown, other: unknown, path = ''): string | undefined {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    const isSame = one === other;
    return isSame ? undefined : `${path}: ${String(one).slice(0, 80)} is not ${String(other).slice(0, 80)}`;
  }
  for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const found = difference(Reflect.get(one, key), Reflect.get(other, key), `${path}/${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

it('takes a long session out and in without loss, subagents and to-dos too, and refuses one that is cut', async () => {
  const { rounds: megabytes, random } = startCampaign('long session, in MB', { sample: 4, full: 30 });
  const todos = {
    name: 'todowrite',
    arguments: { todos: [{ content: 'finish', status: 'pending', priority: 'high' }] },
  };
  const subagent = {
    name: 'task',
    arguments: { description: 'Look', prompt: 'Look around.', subagent_type: 'general' },
  };
  stage.play(({ step, prompt }) => {
    if (prompt === 'Look around.') return { text: 'Nothing here.' };
    return [{ toolCalls: [todos] }, { toolCalls: [subagent] }][step] ?? { text: 'Done.' };
  });
  const first = await stage.launch(await stage.optionsFor());
  const { id } = await first.client.createSession({ title: 'A long session' });
  await takeTurn(first, id);
  const small = JSON.parse((await read((await first.exportSession(id)).content())).toString('utf8')) as Exported;
  await first.stop();
  expect(small.optio.children).toHaveLength(1);
  expect(small.optio.todos).toMatchObject([{ content: 'finish' }]);

  const children = small.optio.children.map((child) => ({ ...child, ...grow(child, Math.ceil(megabytes / 3)) }));
  const long = { ...grow(small, Math.floor((2 * megabytes) / 3)), optio: { ...small.optio, children } };
  const bytes = Buffer.from(JSON.stringify(long));
  expect(bytes.length).toBeGreaterThan(megabytes * 1_000_000);

  const elsewhere = await stage.optionsFor();
  const cut = Math.floor(random() * (bytes.length - 1));
  await expect(importSession({ ...elsewhere, content: pieces(bytes.subarray(0, cut)) })).rejects.toMatchObject({
    code: 'EXPORT_INVALID',
  });
  // opencode has not even been run.
  const database = join(elsewhere.workspace.taskDirectory, 'opencode.db');
  await expect(access(database)).rejects.toMatchObject({ code: 'ENOENT' });

  const imported = await importSession({ ...elsewhere, content: pieces(bytes) });
  expect(imported).toEqual({ sessionId: id, childCount: 1, failures: [] });
  const second = await stage.launch(elsewhere);
  const again = await second.exportSession(id);
  const parsed = JSON.parse((await read(again.content())).toString('utf8')) as Exported;
  expect(difference(parsed.messages, long.messages)).toBeUndefined();
  expect(parsed.optio.children.map(({ info }) => info.id)).toEqual(children.map(({ info }) => info.id));
  expect(difference(parsed.optio.children[0]?.messages, children[0]?.messages)).toBeUndefined();
  expect(parsed.optio.todos).toEqual(small.optio.todos);
  expect(parsed.info.title).toBe('A long session');
  await second.stop();
});
