import { ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context, Span, Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { SpanExporter } from '@opentelemetry/sdk-trace';

import { messageOf } from '../errors.ts';
import type { Reporter } from '../report/reporter.ts';
import { beginTrace, traceEntry } from './session-spans.ts';
import type { SpanAttributes, StepSpan, TraceEntry, TraceState } from './session-spans.ts';

/** Sends what tasks do to a collector, as spans of OpenTelemetry. */
export interface Tracing {
  /** Makes spans of what is reported of one task, which begins now; of one that nothing is reported of it makes none. */
  taskReporter(options: TaskReporterOptions): Reporter;
  /** Sends what is left, for a few seconds at most. Never throws. */
  end(): Promise<void>;
}

/** What is known of a task before it begins. */
interface TaskReporterOptions {
  readonly attributes: SpanAttributes;
  /** Takes secrets out of the words of a failure. */
  readonly redact: (text: string) => string;
}

/** Options of `openTracing`. */
export interface OpenTracingOptions {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Spans could not be sent. Called once. */
  readonly onFailure: (message: string) => void;
}

/** So long a collector that does not answer keeps the end of a command up. */
const LAST_WORDS_MS = 3000;
/** And so long what is printed may take after it, before a request that still waits is given up with the process. */
const GIVE_UP_MS = 500;

/** Starts to send spans to where the standard variables say. */
export function openTracing({ env, onFailure, version }: OpenTracingOptions): Tracing {
  let hasFailed = false;
  const fail = (message: string): void => {
    if (!hasFailed) onFailure(message);
    hasFailed = true;
  };
  const exporter = new OTLPTraceExporter();
  const watched: SpanExporter = {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        // The other of two codes is for a failure.
        if (result.code !== 0) fail(messageOf(result.error ?? 'the collector refuses them'));
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
  };
  const own = resourceFromAttributes({ 'service.name': 'optio', 'service.version': version });
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(own)
      .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    spanProcessors: [new BatchSpanProcessor({ exporter: watched })],
  });
  const tracer = provider.getTracer('@optio-ts/worker', version);
  const outer = outerContext(env['TRACEPARENT']);
  return {
    taskReporter: (options) => createTaskReporter(tracer, outer, options),
    async end() {
      const late = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => late.resolve(true), LAST_WORDS_MS);
      const sent = provider.shutdown().then(
        () => false,
        () => false,
      );
      const isLate = await Promise.race([sent, late.promise]);
      clearTimeout(timer);
      if (!isLate) return;
      fail(`the collector does not answer within ${LAST_WORDS_MS / 1000} s`);
      setTimeout(() => process.exit(), GIVE_UP_MS).unref();
    },
  };
}

function createTaskReporter(tracer: Tracer, outer: Context, { attributes, redact }: TaskReporterOptions): Reporter {
  const open = new Map<string, Span>();
  const contextOf = (parent: string | undefined): Context => {
    const span = parent === undefined ? undefined : open.get(parent);
    return span === undefined ? outer : trace.setSpan(outer, span);
  };
  let state: TraceState = beginTrace(new Date(), attributes);
  const spanOf = ({ name, parent, startedAt }: Pick<StepSpan, 'name' | 'parent' | 'startedAt'>): Span => {
    const known = open.get(name) ?? tracer.startSpan(name, { startTime: startedAt }, contextOf(parent));
    open.set(name, known);
    return known;
  };
  const end = (step: StepSpan): void => {
    const span = spanOf(step);
    open.delete(step.name);
    span.setAttributes(step.attributes);
    for (const { at, attributes: about, name } of step.events) span.addEvent(name, about, at);
    const { message, status } = step;
    if (status === 'error') {
      span.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message: redact(message) }) });
    } else if (status === 'ok') span.setStatus({ code: SpanStatusCode.OK });
    span.end(step.endedAt);
  };
  const hear = (entry: TraceEntry): void => {
    if (state.isOver) return;
    // What is over with this may be the first that is heard of the task.
    spanOf(state.task);
    const traced = traceEntry(state, entry);
    state = traced.state;
    for (const step of traced.ended) end(step);
    if (state.phase !== undefined) spanOf(state.phase);
    if (state.part !== undefined) spanOf(state.part);
  };
  return {
    event: (event) => hear({ kind: 'event', event }),
    step: () => hear({ kind: 'step', at: new Date() }),
    note() {},
    warning() {},
    summary: (summary) => hear({ kind: 'summary', at: new Date(), summary }),
    close: () => hear({ kind: 'closed', at: new Date() }),
  };
}

/** The span that this process is a part of, where whoever started it has said so. */
function outerContext(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})\b/.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  });
}
