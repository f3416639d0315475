import { createLocalHost } from '@optio-ts/host-core';
import { noCipher } from '@optio-ts/seed-engine';
import { createMemoryStore } from '@optio-ts/seed-engine/memory';
import { expect, it } from 'vitest';

import { settingsOf } from './session-settings.ts';

it('remembers what the agent is to be told until it was told, and nothing that the host has', () => {
  const found = { homeConfig: {}, model: 'x/y', workdirExclude: undefined };
  const { options } = settingsOf(
    {
      host: createLocalHost(),
      store: createMemoryStore(),
      cipher: noCipher,
      taskId: 'nightly-7',
      task: 'Write a report.',
      autoStart: true,
      message: 'Spell it with a k.',
      login: { x: { type: 'api', key: 'secret' } },
    },
    { ...found, seed: undefined },
    undefined,
  );
  expect(options).toEqual({ autoStart: true, message: 'Spell it with a k.', ...found, seedId: undefined });
});
