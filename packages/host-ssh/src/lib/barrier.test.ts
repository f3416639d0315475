import { expect, it } from 'vitest';

import { barrier, type BarrierConnection } from './barrier.ts';

function connection(answer: (told: () => void) => void) {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>();
  let listeners = 0;
  const lost = new Proxy(promise, {
    get(target, name) {
      if (name === 'then') listeners += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const client = {
    unforwardIn(_host: string, _port: number, told: () => void) {
      answer(told);
      return client;
    },
  };
  const dialled = { client, lost, isLost: () => false } as unknown as BarrierConnection;
  return { dialled, lose: () => resolve(undefined), listeners: () => listeners };
}

it('leaves nothing behind on a connection that lives on', async () => {
  const { dialled, listeners } = connection((told) => told());
  for (let count = 0; count < 1000; count += 1) await barrier(dialled);
  expect(listeners()).toBeLessThan(2);
});

it('lets all go when the connection is lost', async () => {
  const { dialled, lose } = connection(() => undefined);
  const waiting = [barrier(dialled), barrier(dialled)];
  lose();
  await Promise.all(waiting);
});
