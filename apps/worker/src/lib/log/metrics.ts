import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Counter, Gauge, Histogram, Registry } from 'prom-client';

import { WorkerError, messageOf } from '../errors.ts';
import type { Reporter } from '../report/reporter.ts';

/** Figures of a worker, as Prometheus reads them. */
export interface WorkMetrics {
  /** Counts what is reported of one task. */
  readonly reporter: () => Reporter;
  /** The figures as text. */
  text(): Promise<string>;
}

/** Makes the figures of a worker. Labels are words of ours: no name of a task, nothing that an agent wrote. */
export function createMetrics(worker: string): WorkMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ worker });
  const registers = [registry];
  const running = new Gauge({ name: 'optio_tasks_running', help: 'Tasks at work.', registers });
  const ended = new Counter({
    name: 'optio_tasks_ended_total',
    help: 'Tasks that have ended, by how they did.',
    labelNames: ['state'] as const,
    registers,
  });
  const duration = new Histogram({
    name: 'optio_task_duration_seconds',
    help: 'From the start of a session, or from where it was taken up, to its end.',
    buckets: [10, 30, 60, 300, 900, 3600, 14_400],
    registers,
  });
  const deliverables = new Counter({ name: 'optio_deliverables_total', help: 'Files delivered.', registers });
  const warnings = new Counter({
    name: 'optio_warnings_total',
    help: 'Warnings, by their code.',
    labelNames: ['code'] as const,
    registers,
  });
  return {
    text: () => registry.metrics(),
    reporter() {
      let isRunning = false;
      return {
        event(event) {
          if (!isRunning) running.inc();
          isRunning = true;
          if (event.type === 'deliverable') deliverables.inc();
          if (event.type === 'warning') warnings.inc({ code: event.code });
        },
        summary({ durationMs, state }) {
          if (isRunning) running.dec();
          isRunning = false;
          ended.inc({ state });
          duration.observe(durationMs / 1000);
        },
        step() {},
        note() {},
        warning() {},
        close() {},
      };
    },
  };
}

/** Serves figures at `/metrics` of a port of this machine alone. Throws `REFUSED` for a port that is taken. */
export async function serveMetrics(
  metrics: WorkMetrics,
  port: number,
): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      (error: unknown) => response.writeHead(500).end(messageOf(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new WorkerError('REFUSED', `metrics cannot be served at port ${port}: ${messageOf(error)}; name another`, {
          cause: error,
        }),
      );
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
