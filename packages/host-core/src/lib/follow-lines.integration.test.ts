import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, createWriteStream, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { processesWith, until } from '../../test/processes.ts';
import { allShellHosts } from '../../test/shell-hosts.ts';
import { followLines } from './follow-lines.ts';
import type { FollowOptions } from './follow-lines.ts';
import type { FollowedLine } from './follow-state.ts';
import type { Host } from './host.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "optio fol'*-")));
  path = join(directory, '-the log');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe.each(allShellHosts)('followLines with $name', ({ missing, open }) => {
  let host: Host;

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
    host = open({ OPTIO_TEST: directory });
    return () => host[Symbol.asyncDispose]();
  });

  /** Follows in the background. `waitFor` resolves when the last line is the one given. */
  const follow = (options: FollowOptions = {}, beneath?: string) => {
    const lines: FollowedLine[] = [];
    const file = { host, path, ...(beneath !== undefined && { beneath }) };
    const done = (async () => {
      for await (const line of followLines(file, { pollMs: 30, ...options })) lines.push(line);
    })();
    done.catch(() => undefined);
    return {
      lines,
      done,
      texts: () => lines.map(({ generation, line }) => `${generation}:${line}`),
      waitFor: (line: string) => until(() => lines.at(-1)?.line === line, `line ${line}`),
    };
  };

  const readers = (): readonly number[] => processesWith(`OPTIO_TEST=${directory}`);
  const noReader = (): Promise<void> => until(() => readers().length === 0, `readers in ${directory}`);

  it('follows a file from before it exists, and through all that may become of it', async () => {
    const end = Promise.withResolvers<void>();
    const { texts, waitFor, done } = follow({ until: end.promise });
    writeFileSync(path, 'a\nb\n');
    await waitFor('b');
    appendFileSync(path, 'c\n');
    await waitFor('c');
    // An editing tool: all of it again, and more, in place and as a new file.
    writeFileSync(path, 'a\nb\nc\nd\n');
    await waitFor('d');
    writeFileSync(`${path}.new`, 'a\nb\nc\nd\ne\n');
    renameSync(`${path}.new`, path);
    await waitFor('e');
    writeFileSync(path, 'a\nX\nc\n');
    await waitFor('c');
    truncateSync(path, 2);
    appendFileSync(path, 'after\n');
    await waitFor('after');
    rmSync(path);
    writeFileSync(path, 'another\n');
    await waitFor('another');
    appendFileSync(path, 'last');
    end.resolve();
    await done;
    expect(texts()).toEqual(['0:a', '0:b', '0:c', '0:d', '0:e', '1:X', '1:c', '2:after', '3:another', '3:last']);
    await noReader();
  });

  it('delivers a last line without a line break when it pauses', async () => {
    const { lines, waitFor } = follow({ partialLineMs: 200 });
    writeFileSync(path, 'a\nDONE');
    await waitFor('DONE');
    expect(lines.at(-1)).toMatchObject({ offset: 2, nextOffset: 6 });
    appendFileSync(path, '\nb\n');
    await waitFor('b');
    expect(lines.map(({ line }) => line)).toEqual(['a', 'DONE', 'b']);
  });

  it('reads the rest when it is over already, also of nothing', async () => {
    const over = follow({ until: Promise.reject(new Error('failed')) });
    await over.done;
    expect(over.lines).toEqual([]);
    writeFileSync(path, 'a\r\nb');
    const second = follow({ until: Promise.resolve() });
    await second.done;
    expect(second.texts()).toEqual(['0:a', '0:b']);
  });

  it('goes on from where another one stopped', async () => {
    writeFileSync(path, 'a\nä\nc\n');
    const first = follow({ until: Promise.resolve() });
    await first.done;
    const { nextOffset: offset = 0, generation = 0 } = first.lines[1] ?? {};
    const second = follow({ until: Promise.resolve(), offset, generation: generation + 4 });
    await second.done;
    expect(second.texts()).toEqual(['4:c']);
  });

  it('is exact over megabytes, and cuts lines that are too long', async () => {
    const writer = createWriteStream(path);
    const expected: string[] = [];
    const { lines, done } = follow({ until: once(writer, 'close'), maxLineBytes: 500 });
    for (let index = 0; index < 20_000; index += 1) {
      const line = `${index} ${'x'.repeat(index % 700)}`;
      expected.push(line.slice(0, 500));
      if (!writer.write(`${line}\n`)) await once(writer, 'drain');
    }
    writer.end();
    await done;
    expect(lines.map(({ line }) => line)).toEqual(expected);
    expect(lines.filter(({ isTruncated }) => isTruncated).length).toBeGreaterThan(1000);
    let offset = 0;
    for (const line of lines) {
      expect(line.offset).toBe(offset);
      offset = line.nextOffset;
    }
  });

  it('never reads through a link, whether the file or its directory becomes one', async () => {
    const outside = join(directory, 'outside');
    const inside = join(directory, 'inside');
    mkdirSync(outside);
    mkdirSync(inside);
    writeFileSync(join(outside, 'log'), 'secret\n');
    path = join(inside, 'log');
    writeFileSync(path, 'a\n');
    const { texts, waitFor } = follow();
    await waitFor('a');
    rmSync(path);
    symlinkSync(join(outside, 'log'), path);
    expect(readers()).not.toEqual([]);
    rmSync(path);
    renameSync(inside, `${inside}.old`);
    symlinkSync(outside, inside);
    writeFileSync(join(`${inside}.old`, 'log'), 'a\nb\n');
    rmSync(inside);
    renameSync(`${inside}.old`, inside);
    await waitFor('b');
    expect(texts()).toEqual(['0:a', '0:b']);
    for (const [target, link] of [
      [join(outside, 'log'), path],
      [outside, inside],
    ] as const) {
      rmSync(link, { recursive: true });
      symlinkSync(target, link);
      const last = follow({ until: Promise.resolve() });
      await last.done;
      // The directory is where the follower begins: whether it is a link is its owner's business.
      expect(last.texts()).toEqual(link === path ? [] : ['0:secret']);
    }
  });

  it('beneath a trusted directory reads through no link, also not through one that was there first', async () => {
    const inside = join(directory, 'inside');
    const outside = join(directory, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'log'), 'secret\n');
    symlinkSync(outside, inside);
    // Of the trusted directory itself it does not matter how it is called.
    const alias = join(directory, 'alias');
    symlinkSync(directory, alias);
    path = join(alias, 'inside', 'log');
    const end = Promise.withResolvers<void>();
    const { texts, waitFor, done } = follow({ until: end.promise }, alias);
    const last = follow({ until: Promise.resolve() }, alias);
    await last.done;
    expect(last.texts()).toEqual([]);
    rmSync(inside);
    mkdirSync(inside);
    writeFileSync(join(inside, 'log'), 'a\n');
    await waitFor('a');
    rmSync(inside, { recursive: true });
    symlinkSync(outside, inside);
    end.resolve();
    await done;
    expect(texts()).toEqual(['0:a']);
  });

  it('is not held up by what is no file', async () => {
    execFileSync('mkfifo', [path]);
    const { done, lines } = follow({ until: Promise.resolve() });
    await done;
    expect(lines).toEqual([]);
  });

  it('ends without an error when it is aborted, and when the loop is left; no reader stays', async () => {
    writeFileSync(path, 'a\nb\n');
    const controller = new AbortController();
    const { done, waitFor } = follow({ abortSignal: controller.signal });
    await waitFor('b');
    controller.abort();
    await done;
    await noReader();
    for await (const { line } of followLines({ host, path })) if (line === 'a') break;
    await noReader();
    const before = followLines({ host, path }, { abortSignal: AbortSignal.abort() });
    expect(await before.next()).toEqual({ done: true, value: undefined });
  });

  it('throws when the host is closed', async () => {
    const { done } = follow();
    await until(() => readers().length > 0, 'a reader');
    await host[Symbol.asyncDispose]();
    await expect(done).rejects.toMatchObject({ code: 'DISPOSED' });
    await noReader();
  });
});

describe('followLines', () => {
  it.each([
    ['a relative path', 'log', {}],
    ['a directory', '/tmp/', {}],
    ['a negative offset', '/tmp/log', { offset: -1 }],
    ['half a generation', '/tmp/log', { generation: 0.5 }],
  ])('refuses %s before anything runs', (_, file, options) => {
    const host = undefined as unknown as Host;
    expect(() => followLines({ host, path: file }, options)).toThrow(TypeError);
  });

  it('refuses a trusted directory that is not above the file', () => {
    const host = undefined as unknown as Host;
    expect(() => followLines({ host, path: '/tmp/log', beneath: '/home' })).toThrow(TypeError);
  });
});
