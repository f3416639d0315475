import { json } from 'node:stream/consumers';

import { startHttpServer } from '@optio-ts/testkit';

/** A span as it came over the wire. */
interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number; readonly message?: string };
  /** By key. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** What sent it, by key. */
  readonly resource: Readonly<Record<string, unknown>>;
}

/** A collector on this machine that takes OTLP as JSON. */
export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  /** What has come, in its order. */
  readonly spans: readonly ReceivedSpan[];
  /** All of it as text. */
  readonly text: string;
}

/** Starts a collector; `isMute` takes requests and never answers. */
export async function startOtlpReceiver({ isMute = false }: { readonly isMute?: boolean } = {}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  let text = '';
  const server = await startHttpServer((request, response) => {
    if (isMute) return;
    void json(request).then((body) => {
      text += JSON.stringify(body);
      spans.push(...spansIn(body as OtlpRequest));
      const isRight = request.url === '/v1/traces' && request.headers['content-type'] === 'application/json';
      response.writeHead(isRight ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
    });
  });
  return {
    url: server.url,
    spans,
    get text() {
      return text;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

type Attributes = readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeSpans: readonly { readonly spans: readonly (ReceivedSpan & { readonly attributes: Attributes })[] }[];
  }[];
}

function spansIn({ resourceSpans }: OtlpRequest): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map((span) => ({ ...span, attributes: byKey(span.attributes), resource: byKey(resource.attributes) })),
  );
}

function byKey(attributes: Attributes): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
