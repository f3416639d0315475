import { Socket } from 'node:net';
import { nextTick } from 'node:process';

import { expect, it } from 'vitest';

import { writeInBursts } from './write-in-bursts.ts';

// `process.nextTick` calls in order: this one comes after that of the socket.
const endOfTurn = (): Promise<void> => new Promise((resolve) => nextTick(resolve));

it('hands what is written in one go to the system at once, and at the end of that very go', async () => {
  const bursts: string[][] = [];
  class Recorder extends Socket {
    override _writev(chunks: { chunk: Buffer }[], done: (error?: Error) => void): void {
      bursts.push(chunks.map(({ chunk }) => chunk.toString()));
      done();
    }

    override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
      bursts.push([chunk.toString()]);
      done();
    }
  }
  const socket = new Recorder();
  writeInBursts(socket);
  for (const piece of ['length', 'packet', 'tag']) socket.write(piece);
  await endOfTurn();
  expect(bursts).toEqual([['length', 'packet', 'tag']]);
  socket.write('later');
  await endOfTurn();
  expect(bursts.at(-1)).toEqual(['later']);
});
