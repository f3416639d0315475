import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';

import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { stream } from 'hono/streaming';
import type { z } from 'zod';

import { WorkerError } from '../errors.ts';
import type { Board } from './board.ts';
import type { StoreFollower } from './follow-store.ts';
import type { Interfaces } from './interfaces.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { OtherSessions } from './other-sessions.ts';
import { DELIVERABLE_HEADERS, attachmentOf } from './page-headers.ts';
import { answerRequest, cancelRequest, startRequest } from './request-bodies.ts';
import { watchMessages } from './watch-messages.ts';
import type { Wings } from './wings.ts';

/** What the dashboard can do for its page. */
export interface ApiParts {
  readonly board: Board;
  readonly follower: StoreFollower;
  readonly live: LiveSessions;
  readonly others: OtherSessions;
  readonly interfaces: Interfaces;
  readonly wings: Wings;
}

/** A task file has at most 1 MiB; JSON may write a character in six. */
const MOST_BODY_BYTES = 6 * 1024 * 1024;

/** Changes are shown within this time. */
const COLLECT_MS = 40;

/** The page takes a connection for lost that is silent for twice as long. */
const BEAT_MS = 10_000;

/** The routes behind the token. Errors are left to the caller's `onError`. */
export function createApi({ board, follower, interfaces, live, others, wings }: ApiParts): Hono {
  const api = new Hono();
  const ownerOf = (id: string): LiveSessions | OtherSessions => (live.has(id) ? live : others);
  api.use(
    bodyLimit({
      maxSize: MOST_BODY_BYTES,
      onError: () => {
        throw new HTTPException(413, { message: 'larger than 6 MiB, too much for a task' });
      },
    }),
  );

  api.get('/watch', async (context) => {
    const sessionId = context.req.query('session');
    await follower.look();
    if (sessionId !== undefined) await follower.read(sessionId);
    context.header('Content-Type', 'application/x-ndjson');
    return stream(context, async (out) => {
      const abort = new AbortController();
      out.onAbort(() => abort.abort());
      using _ = follower.attend(sessionId);
      const messages = watchMessages({
        board,
        sessionId,
        collectMs: COLLECT_MS,
        beatMs: BEAT_MS,
        abortSignal: abort.signal,
      });
      for await (const message of messages) await out.write(`${JSON.stringify(message)}\n`);
    });
  });

  api.post('/tasks', async (context) => {
    const id = await live.start(checked(startRequest, await context.req.json()));
    return context.json({ id }, 201);
  });

  api.post('/sessions/:id/cancel', async (context) => {
    const id = context.req.param('id');
    const { atOnce = false } = checked(cancelRequest, await context.req.json());
    await ownerOf(id).cancel(id, { atOnce });
    return context.json({}, 202);
  });

  api.post('/sessions/:id/resume', async (context) => {
    return context.json({ id: await live.resume(context.req.param('id')) }, 201);
  });

  api.post('/sessions/:id/recover', async (context) => {
    const id = context.req.param('id');
    // What it reported before stands before what it reports from now on.
    await follower.read(id);
    await live.recover(id);
    return context.json({}, 202);
  });

  api.post('/sessions/:id/requests/:request', async (context) => {
    const { id, request } = context.req.param();
    await ownerOf(id).answer(id, request, checked(answerRequest, await context.req.json()));
    return context.json({});
  });

  api.post('/sessions/:id/interface', async (context) => {
    return context.json(await interfaces.visit(context.req.param('id')));
  });

  api.post('/sessions/:id/attend/:change', (context) => {
    const id = context.req.param('id');
    // The process of another session does not hear of it.
    if (live.has(id)) live.attend(id, context.req.param('change') === 'begin' ? 'begin' : 'end');
    return context.json({});
  });

  api.get('/sessions/:id/deliverables/:place', async (context) => {
    const view = board.get(context.req.param('id'));
    const place = Number(context.req.param('place'));
    const path = view?.paths[place];
    const deliverable = view?.detail.deliverables[place];
    if (path === undefined || deliverable === undefined)
      throw new WorkerError('NOT_FOUND', 'there is no such deliverable');
    const { content, sizeBytes } = await openSaved(path);
    return new Response(content, {
      headers: {
        ...DELIVERABLE_HEADERS,
        'Content-Length': `${sizeBytes}`,
        'Content-Disposition': attachmentOf(deliverable.name),
      },
    });
  });

  api.get('/seeds', async (context) => context.json(await wings.seeds()));
  api.get('/hosts', (context) => context.json(wings.hosts()));
  api.post('/hosts/:name/check', async (context) => {
    return context.json(await wings.checkHost(context.req.param('name'), context.req.raw.signal));
  });
  return api;
}

/** Opens what was saved at a path of ours; through no link, should somebody have put one there. */
async function openSaved(path: string): Promise<{ content: ReadableStream<Uint8Array>; sizeBytes: number }> {
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw new WorkerError('NOT_FOUND', 'the deliverable is not where it was saved any more', { cause: error });
  }
  const stat = await file.stat();
  if (!stat.isFile()) {
    await file.close();
    throw new WorkerError('NOT_FOUND', 'there is something else where the deliverable was saved');
  }
  const content = Readable.toWeb(file.createReadStream({ end: Math.max(0, stat.size - 1) }));
  return { content: content as ReadableStream<Uint8Array>, sizeBytes: stat.size };
}

function checked<Value>(schema: z.ZodType<Value>, body: unknown): Value {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new WorkerError('REFUSED', `not what is expected here: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
}
