import { createLogProtocol } from '@optio-ts/agents-prompt';
import { createLocalHost } from '@optio-ts/host-core';
import { expect, it } from 'vitest';

import { createEndings } from './endings.ts';
import { createEventStream } from './event-stream.ts';
import { createSessionKit } from './session-kit.ts';
import type { SessionLimits } from './session-options.ts';

it('has a limit for each step, also for one that is given as undefined', async () => {
  await using host = createLocalHost();
  const options = {
    host,
    workspace: { workdir: '/w' },
    protocol: createLogProtocol(),
    sessionId: 's',
    launch: () => Promise.reject(new Error('never')),
    limits: { stopMs: undefined, drainMs: 7 } as unknown as SessionLimits,
  };
  const { limits } = createSessionKit(options, createEventStream({ sessionId: 's' }), createEndings());
  expect(limits).toMatchObject({ stopMs: 30_000, drainMs: 7, teardownMs: 600_000 });
});
