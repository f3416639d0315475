import { createLogProtocol } from '@optio-ts/agents-prompt';
import { createLocalHost } from '@optio-ts/host-core';
import { describe, expect, it } from 'vitest';

import { createEndings } from './endings.ts';
import type { Endings } from './endings.ts';
import { createEventStream } from './event-stream.ts';
import type { AgentEvent } from './events.ts';
import type { AgentActivity } from './idle-policy.ts';
import { createSessionAgent } from './session-agent.ts';
import type { SessionAgent } from './session-agent.ts';
import { createSessionKit } from './session-kit.ts';
import type { LaunchedAgent, RunAgentSessionOptions } from './session-options.ts';

const log = { nearMiss: undefined, readToEnd: () => Promise.resolve(true) };
const launched: LaunchedAgent = { exited: new Promise(() => undefined), stop: () => Promise.resolve() };

interface Bench {
  readonly side: SessionAgent;
  readonly endings: Endings;
  readonly told: () => Promise<AgentEvent[]>;
}

function createSide(changes: Partial<RunAgentSessionOptions> = {}): Bench {
  const stream = createEventStream({ sessionId: 's' });
  const endings = createEndings();
  const options = {
    host: createLocalHost(),
    workspace: { workdir: '/w' },
    protocol: createLogProtocol(),
    sessionId: 's',
    launch: () => Promise.resolve(launched),
    ...changes,
  };
  const side = createSessionAgent(createSessionKit(options, stream, endings));
  return {
    side,
    endings,
    told: async () => {
      stream.end();
      return Array.fromAsync(stream.events);
    },
  };
}

const exit = { exitCode: 3, signal: undefined };

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

  it('ends the session with the exit of the agent, and what it printed last', async () => {
    for (const outputTail of [undefined, 'out of memory']) {
      const { side, endings } = createSide();
      const agent = { ...launched, exited: Promise.resolve(exit) };
      const tail = outputTail === undefined ? {} : { outputTail: () => Promise.resolve(outputTail) };
      await side.begin(() => Promise.resolve({ ...agent, ...tail }), log);
      expect(await endings.first).toStrictEqual({
        type: 'exited',
        exit,
        ...(outputTail === undefined ? {} : { outputTail }),
      });
    }
  });

  it('has none to stop before one was started, and leaves one that runs to another worker', async () => {
    const { side } = createSide();
    expect(side.isStopped).toBe(true);
    const done: string[] = [];
    const leave = (): Promise<void> => Promise.resolve(void done.push('leave'));
    await side.begin(() => Promise.resolve({ ...launched, leave }), log);
    await side.letGo();
    expect([done, side.isStopped]).toEqual([['leave'], false]);
    const none = createSide();
    await none.side.stop();
    expect([none.side.isStopped, await none.told()]).toEqual([true, []]);
  });

  it('sends what has waited for an agent, if that one can be spoken to', async () => {
    const { side } = createSide();
    const heard: string[] = [];
    side.mail.say('hello');
    const sendToAgent = (text: string): Promise<void> => Promise.resolve(void heard.push(text));
    await side.begin(() => Promise.resolve({ ...launched, sendToAgent }), log);
    await new Promise(setImmediate);
    expect(heard).toEqual(['hello']);
  });

  it('makes nothing of an exit that it has brought about', async () => {
    const { side, endings } = createSide();
    const exited = Promise.withResolvers<typeof exit>();
    const stop = (): Promise<void> => Promise.resolve(exited.resolve(exit));
    await side.begin(() => Promise.resolve({ exited: exited.promise, stop }), log);
    expect(side.isStopped).toBe(false);
    await side.stop();
    await new Promise(setImmediate);
    expect([endings.list, side.isStopped]).toEqual([[], true]);
  });

  for (const onIdle of ['remind', 'ignore'] as const) {
    it(`hears that a model has failed for good (onIdle: ${onIdle})`, async () => {
      const { side, endings } = createSide({ onIdle });
      async function* activity(): AsyncGenerator<AgentActivity> {
        yield { type: 'failed', message: 'no such model', isLasting: true };
        await endings.first;
      }
      await side.begin(() => Promise.resolve({ ...launched, activity: activity() }), log);
      await new Promise(setImmediate);
      const message = "The agent's model failed: no such model";
      const ending = { type: 'idle', message, modelFailure: 'no such model' };
      expect(endings.list).toStrictEqual(onIdle === 'ignore' ? [] : [ending]);
    });
  }

  for (const end of ['stop', 'letGo'] as const) {
    it(`does the same to an agent that appears after it was given up (${end})`, async () => {
      const { side } = createSide();
      const done: string[] = [];
      const late = Promise.withResolvers<LaunchedAgent>();
      const begun = side.begin(() => late.promise, log);
      await side[end]();
      expect(side.isStopped).toBe(false);
      late.resolve({
        ...launched,
        stop: () => Promise.resolve(void done.push('stop')),
        leave: () => Promise.resolve(void done.push('letGo')),
      });
      await begun;
      expect([done, side.agent]).toEqual([[end], undefined]);
    });
  }
});
