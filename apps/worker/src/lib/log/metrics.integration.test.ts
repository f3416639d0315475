import { describe, expect, it } from 'vitest';

import { createMetrics, serveMetrics } from './metrics.ts';

describe('createMetrics', () => {
  it('counts tasks by how they end, and serves that on this machine alone', async () => {
    const metrics = createMetrics('w1');
    await using served = await serveMetrics(metrics, 0);
    const envelope = { id: 's:0:1', sessionId: 's', at: new Date() };
    const [first, second] = [metrics.reporter(), metrics.reporter()];
    first.event({ ...envelope, type: 'warning', code: 'NOT_CONFINED', message: 'x' });
    second.event({ ...envelope, type: 'log', text: 'x' });
    const summary = { exitCode: 0, taskId: 't', message: undefined, sessionId: 's', seedId: undefined };
    first.summary({ ...summary, state: 'done', outputDirectory: '/', deliverables: [], durationMs: 12_000 });
    const answer = await fetch(`http://127.0.0.1:${served.port}/metrics`);
    const text = await answer.text();
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain('optio_tasks_ended_total{state="done",worker="w1"} 1');
    expect(text).toContain('optio_tasks_running{worker="w1"} 1');
    expect(text).toContain('optio_warnings_total{code="NOT_CONFINED",worker="w1"} 1');
    expect(text).toContain('optio_task_duration_seconds_bucket{le="30",worker="w1"} 1');
    expect((await fetch(`http://127.0.0.1:${served.port}/`)).status).toBe(404);
    await expect(serveMetrics(metrics, served.port)).rejects.toMatchObject({ code: 'REFUSED' });
  });
});
