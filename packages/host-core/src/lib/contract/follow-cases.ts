import assert from 'node:assert/strict';

import { followLines } from '../follow-lines.ts';
import type { FollowOptions } from '../follow-lines.ts';
import type { FollowedLine } from '../follow-state.ts';
import type { Host } from '../host.ts';
import { sh, within } from './support.ts';
import type { HostCase } from './support.ts';

/** Somebody who reads a followed file line by line. */
interface Reader extends AsyncDisposable {
  /** The next line, as `<generation>:<line>`. */
  next(): Promise<string>;
  /** Where the last line ended. */
  readonly position: Pick<FollowedLine, 'generation' | 'nextOffset'>;
  /** All lines up to the end. */
  rest(): Promise<readonly string[]>;
}

function follow(host: Host, path: string, options: FollowOptions = {}): Reader {
  const lines = followLines({ host, path }, { pollMs: 30, ...options });
  let position = { generation: 0, nextOffset: 0 };
  const take = async (): Promise<string | undefined> => {
    const step = await within(`a line of ${path}`, lines.next());
    if (step.done === true) return undefined;
    position = step.value;
    return `${step.value.generation}:${step.value.line}`;
  };
  return {
    next: () => {
      const line = take().then((found) => found ?? assert.fail('the lines have ended'));
      // The case may fail elsewhere before it gets to this promise.
      line.catch(() => undefined);
      return line;
    },
    get position() {
      return position;
    },
    rest: async () => {
      const rest: string[] = [];
      for (let line = await take(); line !== undefined; line = await take()) rest.push(line);
      return rest;
    },
    [Symbol.asyncDispose]: async () => void (await lines.return()),
  };
}

const append = (host: Host, path: string, text: string): Promise<string> =>
  sh(host, 'printf %s "$2" >>"$1"', path, text);

/** What `followLines` promises on every host. */
export const followCases: readonly HostCase[] = [
  {
    name: 'followLines delivers what is appended, from before the file exists to the end of what it waits for',
    run: async ({ host, directory }) => {
      const path = `${directory}/-a "log"`;
      const end = Promise.withResolvers<void>();
      await using reader = follow(host, path, { until: end.promise });
      const first = reader.next();
      await append(host, path, 'one\nGrü');
      assert.equal(await first, '0:one');
      await append(host, path, 'ße\n\nthree\n');
      assert.equal(await reader.next(), '0:Grüße');
      assert.equal(await reader.next(), '0:');
      assert.equal(await reader.next(), '0:three');
      await append(host, path, 'four\nlast');
      end.resolve();
      assert.deepEqual(await reader.rest(), ['0:four', '0:last']);
      assert.equal(reader.position.nextOffset, Buffer.byteLength('one\nGrüße\n\nthree\nfour\nlast'));
    },
  },
  {
    name: 'followLines loses and doubles nothing of a file that is cut, replaced or written anew',
    run: async ({ host, directory }) => {
      const path = `${directory}/log`;
      await append(host, path, 'a\nb\n');
      await using reader = follow(host, path);
      assert.equal(await reader.next(), '0:a');
      assert.equal(await reader.next(), '0:b');
      await sh(host, 'printf "a\\nb\\nc\\n" >"$1.new" && mv "$1.new" "$1"', path);
      assert.equal(await reader.next(), '0:c');
      await sh(host, 'printf "a\\nX\\n" >"$1"', path);
      assert.equal(await reader.next(), '1:X');
      await sh(host, 'rm "$1"; printf "new\\n" >"$1"', path);
      assert.equal(await reader.next(), '2:new');
      const { generation, nextOffset: offset } = reader.position;
      await append(host, path, 'more\n');
      await using second = follow(host, path, { generation, offset, until: Promise.resolve() });
      assert.deepEqual(await second.rest(), ['2:more']);
    },
  },
  {
    name: 'followLines follows many files at once, and none waits for one that nobody reads',
    run: async ({ host, directory }) => {
      await sh(host, 'yes 0123456789012345678901234567890123456789 | head -n 40000 >"$1"', `${directory}/slow`);
      await using slow = follow(host, `${directory}/slow`, { until: Promise.resolve() });
      await slow.next();
      const paths = Array.from({ length: 12 }, (_, index) => `${directory}/${index}`);
      const readers = paths.map((path) => follow(host, path));
      try {
        const firsts = readers.map((reader) => reader.next());
        await sh(host, 'for path; do echo "$path" >"$path"; done', ...paths);
        assert.deepEqual(
          await Promise.all(firsts),
          paths.map((path) => `0:${path}`),
        );
      } finally {
        await Promise.all(readers.map((reader) => reader[Symbol.asyncDispose]()));
      }
      assert.equal((await slow.rest()).length, 39_999);
    },
  },
];
