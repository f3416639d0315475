import { createByteQueue } from './byte-queue.ts';
import { showUrl, writeHop } from './download-hop.ts';
import { createDownloadListener } from './download-listener.ts';
import type { DownloadedFile, DownloadListener } from './download-listener.ts';
import { checkDownload } from './download-options.ts';
import type { DownloadFileOptions } from './download-options.ts';
import { downloadScript } from './download-script.ts';
import { HostError } from './errors.ts';
import type { Host, HostProcess, ProcessExit } from './host.ts';
import { pathError } from './path-access.ts';
import { readLines } from './read-lines.ts';
import { collectTail } from './read-tail.ts';
import { shellScript } from './script.ts';

/**
 * Has the host download a file, by curl, GNU wget or busybox's wget. It is fetched under a name of its own beside its place,
 * with its mode, checked on the host, and renamed: what was there before stays until then, and nothing is left of a download
 * that fails, is aborted, or whose link is lost. A link in the place of the file is replaced, not followed. One round trip
 * beside the transfer, and one for each redirect.
 *
 * Certificates are always checked, `~/.curlrc` and `~/.wgetrc` are not read, proxy variables of the host's environment count.
 * busybox's wget checks no certificates and takes headers as arguments only: with it, https and headers are refused.
 *
 * Throws `DOWNLOAD_FAILED` (a `DownloadFailedError`), `DIGEST_MISMATCH`, `WRITE_FAILED` (disk full, a directory in the place of
 * the file), `PATH_REFUSED`, `PERMISSION_DENIED`, `COMMAND_NOT_FOUND` when a tool is missing, `ABORTED`, `TIMEOUT`, and what
 * `Host.spawn` throws. No digest and no `allowUnverified` is a `TypeError`.
 */
export async function downloadFile(host: Host, options: DownloadFileOptions): Promise<DownloadedFile> {
  const request = checkDownload(options);
  const subject = `download ${showUrl(request.hop.url)} to ${request.path}`;
  const what = `Cannot ${subject} on ${host.description}`;
  const { abortSignal, timeoutMs, onProgress } = options;
  const orders = createByteQueue();
  const listener = createDownloadListener(request, {
    what,
    onProgress: onProgress ?? (() => undefined),
    order: (hop) => orders.push(Buffer.from(writeHop(hop, request))),
  });
  orders.push(Buffer.from(writeHop(request.hop, request)));
  try {
    const child = await host.spawn(shellScript(downloadScript, ...request.parameters), {
      cwd: '/',
      stdin: orders.bytes,
      ...(abortSignal && { abortSignal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
    const stderr = collectTail(child.stderr);
    const exit = await converse(child, listener, () => orders.end());
    const file = listener.finish();
    if (file !== undefined && exit.exitCode === 0) return file;
    throw pathError(host, subject, { ...exit, stderr: await stderr }, 'WRITE_FAILED');
  } catch (error) {
    if (!HostError.is(error) || (error.code !== 'ABORTED' && error.code !== 'TIMEOUT')) throw error;
    const reason = error.code === 'ABORTED' ? 'aborted' : `it took more than ${timeoutMs} ms`;
    throw new HostError(error.code, `${what}: ${reason}`, { cause: error });
  } finally {
    orders.end();
  }
}

/** Hands over what the script says until it has cleaned up and ended; ends it when that cannot be taken. */
async function converse(child: HostProcess, listener: DownloadListener, hangUp: () => void): Promise<ProcessExit> {
  const lines = readLines(child.stdout);
  let hasEnded = false;
  try {
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
      if (listener.take(line) === 'over') hangUp();
    }
    hangUp();
    const exit = await child.exited;
    hasEnded = true;
    return exit;
  } finally {
    if (!hasEnded) await child.kill();
  }
}
