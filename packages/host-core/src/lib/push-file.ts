import { basename } from 'node:path/posix';

import { checkContent } from './check-content.ts';
import { isFar, manyChannelsBytes } from './far-host.ts';
import type { Bytes, Command, Host } from './host.ts';
import { pathError } from './path-access.ts';
import type { PathOptions } from './path-access.ts';
import { locate } from './path-info.ts';
import { sendAll, sendBlocks } from './push-blocks.ts';
import { openPushChannel } from './push-channel.ts';
import type { PushChannel } from './push-channel.ts';
import { pushScript } from './push-script.ts';
import { createRunId } from './run-id.ts';
import { shellScript } from './script.ts';
import { gather } from './tar-writer.ts';

/** Options of `pushFile`. */
export interface PushFileOptions extends PathOptions {
  /** Exactly as many bytes as `content` yields. */
  readonly sizeBytes: number;
  /** Hex digest. @default not checked */
  readonly sha256?: string;
  /** Digest in hex or, as npm writes it, base64. @default not checked */
  readonly sha512?: string;
  /** Permission bits. @default 0o600 */
  readonly mode?: number;
  /** Called with the bytes sent so far. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Writes one file of any size, in one round trip or, above 16 MiB on a far host (more than 30 ms there and back), over several
 * channels at once. It is written in a fresh directory beside its place and renamed from there when all of it has come and
 * been checked: the file is there whole or not at all. A link in its place is replaced; missing directories are made (0700).
 *
 * Throws `DIGEST_MISMATCH` for a size or digest that is not the announced one, what `content` throws, `PATH_REFUSED`,
 * `PERMISSION_DENIED` and `WRITE_FAILED`.
 */
export async function pushFile(host: Host, path: string, content: Bytes, options: PushFileOptions): Promise<void> {
  const { sizeBytes, mode = 0o600, abortSignal } = options;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new TypeError('sizeBytes must be a number of bytes');
  const [directory, name, beneath] = locate(path, options);
  const stage = `.optio-push-${createRunId()}`;
  const command = (role: 'first' | 'next'): Command =>
    shellScript(pushScript, directory, beneath, name, stage, mode.toString(8), String(sizeBytes), role);
  const what = `write ${path}`;
  const checked = gather(checkContent(content, options, basename(path)), 256 * 1024);
  if (sizeBytes < manyChannelsBytes) {
    const result = await host.run(command('first'), {
      cwd: '/',
      stdin: behind('all\n', checked),
      ...(abortSignal === undefined ? {} : { abortSignal }),
    });
    if (result.exitCode !== 0) throw pathError(host, what, result, 'WRITE_FAILED');
    return;
  }
  const open = (role: 'first' | 'next', signal?: AbortSignal): Promise<PushChannel> =>
    openPushChannel(host, command(role), what, signal);
  const first = await open('first', abortSignal);
  try {
    if ((await first.answer()) === 'all') await sendAll(first, behind('all\n', checked));
    else if (await isFar(first.orders, () => first.answer())) {
      await sendBlocks(checked, first, (signal) => open('next', signal), abortSignal);
      first.orders.push(Buffer.from('finish\n'));
    } else {
      first.sendBlock(0, sizeBytes, []);
      await sendAll(first, checked);
      first.orders.push(Buffer.from('finish\n'));
    }
  } catch (error) {
    // Without `finish` it removes the stage and ends; whatever it has to say about that comes second.
    first.orders.end();
    first.dropAnswers();
    await first.ended.catch(() => undefined);
    throw error;
  }
  first.orders.end();
  first.dropAnswers();
  await first.ended;
}

async function* behind(line: string, content: Bytes): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(line);
  yield* content;
}
