import { randomBytes, randomInt } from 'node:crypto';

const machine = randomBytes(5).toString('hex');
let counter = randomInt(0x1000000);

/**
 * Makes an id of 24 hex digits in the form of a MongoDB ObjectId: the second it was made, a random value of this
 * process, a counter. Ids of one process sort in the order they were made.
 */
export function createId(now: Date = new Date()): string {
  counter = (counter + 1) % 0x1000000;
  const seconds = Math.floor(now.getTime() / 1000) % 0x100000000;
  return seconds.toString(16).padStart(8, '0') + machine + counter.toString(16).padStart(6, '0');
}
