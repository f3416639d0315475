import { createLogProtocol } from '@optio-ts/agents-prompt';
import { createLocalHost } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import { createEndings } from './endings.ts';
import { createEventStream } from './event-stream.ts';
import type { AgentEvent } from './events.ts';
import { createSessionAgent } from './session-agent.ts';
import type { SessionAgent } from './session-agent.ts';
import { createSessionKit } from './session-kit.ts';
import type { LaunchedAgent } from './session-options.ts';

const log = { nearMiss: undefined, readToEnd: () => Promise.resolve(true) };
const launched: LaunchedAgent = { exited: new Promise(() => undefined), stop: () => Promise.resolve() };

function createSide(): { readonly side: SessionAgent; readonly told: () => Promise<AgentEvent[]> } {
  const stream = createEventStream({ sessionId: 's' });
  const options = {
    host: createLocalHost(),
    workspace: { workdir: '/w' },
    protocol: createLogProtocol(),
    sessionId: 's',
    launch: () => Promise.resolve(launched),
  };
  const side = createSessionAgent(createSessionKit(options, stream, createEndings()));
  return {
    side,
    told: async () => {
      stream.end();
      return Array.fromAsync(stream.events);
    },
  };
}

describe('createSessionAgent', () => {
  for (const given of [undefined, {}, { stop: launched.stop }, { exited: launched.exited }]) {
    it(`refuses ${given && `only ${Object.keys(given).join()}`} for an agent`, async () => {
      const { side } = createSide();
      const begun = side.begin(() => Promise.resolve(given as LaunchedAgent), log);
      await expect(begun).rejects.toThrow(/^launch must resolve with an agent/);
      expect(side.agent).toBeUndefined();
    });
  }

  for (const end of ['stop', 'letGo'] as const) {
    it(`tells a message that is under way to stop when the agent is left (${end}), and makes nothing of it`, async () => {
      const { side, told } = createSide();
      const heard = Promise.withResolvers<void>();
      const sendToAgent: LaunchedAgent['sendToAgent'] = (_text, { abortSignal }) =>
        new Promise((_resolve, reject) => {
          abortSignal.addEventListener('abort', () => reject(abortSignal.reason as Error));
          heard.resolve();
        });
      await side.begin(() => Promise.resolve({ ...launched, sendToAgent }), log);
      const said = side.say('hello');
      await heard.promise;
      await side[end]();
      expect(await said).toBe(false);
      expect(await told()).toEqual([]);
    });
  }

  it('says so when a message does not get through, and nothing after the end', async () => {
    const { side, told } = createSide();
    const sendToAgent = (): Promise<void> => Promise.reject(new Error('deaf'));
    await side.begin(() => Promise.resolve({ ...launched, sendToAgent }), log);
    expect(await side.say('hello')).toBe(false);
    await side.stop();
    expect(await side.say('hello')).toBe(false);
    expect(await told()).toMatchObject([
      { type: 'warning', code: 'AGENT_NOT_REACHED', message: 'The agent did not get a message: deaf' },
    ]);
  });
});
