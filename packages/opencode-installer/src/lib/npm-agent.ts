import type { ClientRequest, IncomingMessage } from 'node:http';

import { Agent } from '@npmcli/agent';
import type { Bytes } from '@optio-ts/host-core';

import type { NpmSettings } from './npm-config.ts';

/** The body of a response as the library hands it over. */
interface BufferedBody extends AsyncIterable<Uint8Array> {
  /** Bytes that have arrived and were not read. */
  readonly bufferLength: number;
}

/** An agent for one download. */
export interface DownloadAgent {
  /** For the library's `agent` option. */
  readonly agent: Agent;
  /**
   * Reads a body at the reader's speed, and closes its connection when the reader leaves. The library itself takes in whatever
   * the server sends, however slowly it is read: over a slow link to the host that would be the whole package in memory.
   */
  paced(body: BufferedBody): Bytes;
}

/** Bytes that may wait for the reader. */
const highWaterBytes = 256 * 1024;

/**
 * Makes the agent for one download: proxy and certificates as configured, and none but the configured proxy, since the library
 * by itself would look at this process's environment.
 */
export function createDownloadAgent(settings: NpmSettings): DownloadAgent {
  let response: IncomingMessage | undefined;
  const agent = new PacingAgent(settings, (incoming) => {
    // After a redirect the last one counts.
    response = incoming;
  });
  return {
    agent,
    paced: (body) => {
      const incoming = response;
      incoming?.on('data', () => {
        if (body.bufferLength > highWaterBytes) incoming.pause();
      });
      return (async function* pacedBody() {
        try {
          for await (const chunk of body) {
            yield chunk;
            incoming?.resume();
          }
        } finally {
          incoming?.destroy();
        }
      })();
    },
  };
}

class PacingAgent extends Agent {
  readonly #onResponse: (response: IncomingMessage) => void;

  constructor(settings: NpmSettings, onResponse: (response: IncomingMessage) => void) {
    super({
      keepAlive: false,
      ca: settings['ca'],
      rejectUnauthorized: settings['strictSSL'] !== false,
      localAddress: settings['localAddress'],
      timeout: settings['timeout'],
      proxy: settings['proxy'] === false ? undefined : settings['proxy'],
      // An empty list would make the library look into this process's environment; an empty name matches nothing.
      noProxy: settings['noProxy'] ?? [''],
    });
    this.#onResponse = onResponse;
  }

  override addRequest(request: ClientRequest, options: unknown): void {
    request.once('response', this.#onResponse);
    super.addRequest(request, options);
  }
}
