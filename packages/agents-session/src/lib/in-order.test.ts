import { expect, it } from 'vitest';

import { createInOrder } from './in-order.ts';

it('takes steps in order, at once when nothing waits, and makes room', async () => {
  const taken: number[] = [];
  const order = createInOrder(2);
  order.add(() => taken.push(1), 1);
  expect(taken).toEqual([1]);
  const gate = Promise.withResolvers<void>();
  order.addSlow(async () => {
    await gate.promise;
    taken.push(2);
  }, 1);
  order.add(() => taken.push(3), 1);
  let hasRoom = false;
  const room = order.room().then(() => (hasRoom = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect([taken, hasRoom]).toEqual([[1], false]);
  gate.resolve();
  await room;
  await order.idle();
  expect(taken).toEqual([1, 2, 3]);
  order.add(() => taken.push(4), 1);
  expect(taken).toEqual([1, 2, 3, 4]);
});

it('is idle only when the last of many has been taken', async () => {
  const taken: number[] = [];
  const order = createInOrder(100);
  for (let number = 0; number < 3; number += 1) {
    order.addSlow(async () => {
      await new Promise(setImmediate);
      taken.push(number);
    }, 1);
  }
  await order.idle();
  expect(taken).toEqual([0, 1, 2]);
});
