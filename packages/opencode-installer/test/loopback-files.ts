import type { IncomingMessage, ServerResponse } from 'node:http';

import { ZipFile } from 'yazl';

import { listen } from './loopback-registry.ts';
import type { LoopbackServer } from './loopback-registry.ts';

/** Answers a request for one file. */
export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** Starts a server of files by path. What is no function is sent whole; what is not named is a 404. */
export async function startFiles(files: Readonly<Record<string, Answer | Buffer | string>>): Promise<LoopbackServer> {
  return listen((request, response) => {
    const file = files[request.url ?? ''];
    if (file === undefined) response.writeHead(404).end();
    else if (typeof file === 'function') file(response, request);
    else response.writeHead(200, { 'content-length': Buffer.byteLength(file) }).end(file);
  });
}

/** Says how long a file is, and ends the connection before that. */
export const cutShort =
  (content: Buffer): Answer =>
  (response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, -20), () => response.destroy());
  };

/** Sends half of a file and waits. */
export const halfOf =
  (content: Buffer): Answer =>
  (response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, content.length / 2));
  };

/** A zip with these files. */
export async function zipOf(files: Readonly<Record<string, Buffer | string>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content), name, { mode: 0o755 });
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
