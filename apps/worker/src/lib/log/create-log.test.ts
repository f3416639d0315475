import { describe, expect, it } from 'vitest';

import { createLog } from './create-log.ts';
import { createLogReporter } from './log-reporter.ts';
import { createRedactor } from './redactor.ts';

describe('createLog', () => {
  it('writes JSON lines without a secret, whatever an agent says', () => {
    const lines: string[] = [];
    const redactor = createRedactor();
    redactor.add(['sk-secret']);
    const stream = { write: (text: string) => lines.push(text) > 0 };
    const log = createLog({ stream, redactor, worker: 'w1' });
    const reporter = createLogReporter(log, 'nightly');
    const envelope = { id: 's:0:1', sessionId: 's', at: new Date() };
    reporter.event({ ...envelope, type: 'status', message: 'my key is sk-secret\u001b[2J', percent: 10 });
    reporter.event({ ...envelope, type: 'warning', code: 'X', message: 'mongodb://u:hunter2@h/ went away' });
    log.info({ login: { apiKey: 'other', provider: 'a' } }, 'starts');
    const [status, warning, starts] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(status).toMatchObject({ level: 'info', worker: 'w1', taskId: 'nightly', sessionId: 's', event: 'status' });
    expect(status?.['msg']).toBe('my key is [redacted]');
    expect(warning).toMatchObject({ level: 'warn', msg: 'mongodb://u:[redacted]@h/ went away' });
    expect(starts).toMatchObject({ login: { apiKey: '[redacted]', provider: 'a' } });
    expect(lines.join('')).not.toMatch(/sk-secret|hunter2|\\u001b/);
  });
});
