import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

import { shellScript } from '../script.ts';
import { assertBytes, collect, everyByte, plain, sh, stream, within } from './support.ts';
import type { HostCase } from './support.ts';

/** What `stdin` promises. */
export const stdinCases: readonly HostCase[] = [
  {
    name: 'stdin is at its end when none is given',
    run: async ({ host }) => {
      const result = await within('a command that reads', host.run(shellScript('cat; echo end')));
      assert.equal(result.stdout.toString(), 'end\n');
    },
  },
  {
    name: 'stdin takes a string as UTF-8, also an empty one',
    run: async ({ host }) => {
      assert.equal((await host.run(['cat'], { stdin: 'Grüße\n世界' })).stdout.toString(), 'Grüße\n世界');
      assert.equal((await within('an empty input', host.run(['cat'], { stdin: '' }))).stdout.byteLength, 0);
    },
  },
  {
    name: 'stdin takes bytes and changes none',
    run: async ({ host }) => {
      assertBytes((await host.run(['cat'], { stdin: everyByte })).stdout, everyByte);
      assert.equal((await host.run(['cat'], { stdin: new Uint8Array() })).stdout.byteLength, 0);
    },
  },
  {
    name: 'stdin takes a stream, with empty chunks in it',
    run: async ({ host }) => {
      const stdin = stream('one ', new Uint8Array(), everyByte, ' two');
      const expected = Buffer.concat([Buffer.from('one '), everyByte, Buffer.from(' two')]);
      assertBytes((await host.run(['cat'], { stdin })).stdout, expected);
    },
  },
  {
    name: 'stdin takes megabytes while the command prints as many',
    run: async ({ host }) => {
      const content = randomBytes(5_000_000);
      const result = await within('cat', host.run(['cat'], { stdin: content }), 60_000);
      assert.equal(
        createHash('sha256').update(result.stdout).digest('hex'),
        createHash('sha256').update(content).digest('hex'),
      );
    },
  },
  {
    name: 'stdin may be ignored by the command',
    run: async ({ host }) => {
      const result = await within('true', host.run(['true'], { stdin: Buffer.alloc(4_000_000) }));
      assert.equal(result.exitCode, 0);
    },
  },
  {
    name: 'stdin may be read in part by the command',
    run: async ({ host }) => {
      const stdin = stream('first\n', ...Array.from({ length: 50 }, () => Buffer.alloc(65_536)));
      const result = await within('a part', host.run(shellScript('read line; echo "$line"; exit 3'), { stdin }));
      assert.deepEqual(plain(result), { stdout: 'first\n', stderr: '', exitCode: 3, signal: undefined });
    },
  },
  {
    name: 'stdin ends with the command: an endless source is closed',
    run: async ({ host }) => {
      const closed = Promise.withResolvers<void>();
      async function* endless(): AsyncGenerator<Uint8Array, void, void> {
        try {
          for (;;) yield Buffer.alloc(1024);
        } finally {
          closed.resolve();
        }
      }
      const result = await within('head', host.run(['head', '-c', '10'], { stdin: endless() }));
      assert.equal(result.stdout.byteLength, 10);
      await within('closing of the source', closed.promise);
    },
  },
  {
    name: 'stdin that never yields does not outlive its command',
    run: async ({ host }) => {
      const never: AsyncIterable<Uint8Array> = {
        [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
      };
      const result = await within('echo', host.run(['echo', 'done'], { stdin: never }));
      assert.equal(result.stdout.toString(), 'done\n');
    },
  },
  {
    name: 'stdin that fails ends the command, and run rejects with that very error',
    run: async ({ host, directory }) => {
      const failure = new Error('the source failed');
      async function* failing(): AsyncGenerator<Uint8Array, void, void> {
        yield Buffer.from('half');
        throw failure;
      }
      const script = shellScript('cat >"$1" && mv "$1" "$2"', `${directory}/part`, `${directory}/whole`);
      await assert.rejects(
        within('a failing source', host.run(script, { stdin: failing() })),
        (error) => error === failure,
      );
      assert.equal(await sh(host, '[ ! -e "$1" ] && echo none', `${directory}/whole`), 'none');
    },
  },
  {
    name: 'stdin is written while output is read: a dialogue',
    run: async ({ host }) => {
      const answer = Promise.withResolvers<string>();
      async function* reply(): AsyncGenerator<Uint8Array, void, void> {
        yield Buffer.from('question\n');
        yield Buffer.from(`${await answer.promise}\n`);
      }
      const script = 'read q; echo "got $q"; read a; echo "then $a"; cat >/dev/null';
      await using child = await host.spawn(shellScript(script), { stdin: reply() });
      let heard = '';
      for await (const chunk of child.stdout) {
        heard += Buffer.from(chunk).toString();
        if (heard === 'got question\n') answer.resolve('answer');
      }
      assert.equal(heard, 'got question\nthen answer\n');
      assert.equal((await collect(child.stderr)).byteLength, 0);
      assert.equal((await child.exited).exitCode, 0);
    },
  },
];
