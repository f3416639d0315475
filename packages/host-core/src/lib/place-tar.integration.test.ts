import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { shellHosts } from '../../test/shell-hosts.ts';
import type { Bytes, Host } from './host.ts';
import { placeTar } from './place-tar.ts';
import type { TarMember } from './tar-writer.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'optio-place-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const names = ['a', 'b', 'c', 'd'];
const members = names.map((name): TarMember => {
  const content = Buffer.from(`new ${name}`);
  return { type: 'file', name: Buffer.from(name), mode: 0o600, modifiedSeconds: 0, content, sizeBytes: content.length };
});

/** What a lost link makes of a command's input: it ends early, and in good order. */
function cutInput(host: Host, bytes: number): Host {
  return {
    ...host,
    run: (command, options = {}) => host.run(command, { ...options, stdin: firstOf(options.stdin as Bytes, bytes) }),
  };
}

async function* firstOf(source: Bytes, bytes: number): AsyncGenerator<Uint8Array, void, void> {
  let left = bytes;
  for await (const chunk of source) {
    yield chunk.subarray(0, left);
    left -= chunk.byteLength;
    if (left <= 0) return;
  }
}

const contents = (): Record<string, string> =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]));

describe.each(shellHosts)('placeTar with $name', ({ missing, open }) => {
  it('changes nothing when its input ends early, wherever that is, and leaves no stage', async (context) => {
    if (missing !== undefined) context.skip(missing);
    await using host = open();
    const old = { a: 'old a', z: 'old z' };
    for (let bytes = 0; bytes <= names.length * 1024; bytes += 256) {
      mkdirSync(directory, { recursive: true });
      for (const [name, content] of Object.entries(old)) writeFileSync(join(directory, name), content);
      const result = await placeTar(cutInput(host, bytes), directory, members, { beneath: '', existing: 'remove' });
      expect({ bytes, exitCode: result.exitCode, ...contents() }).toEqual({ bytes, exitCode: 1, ...old });
    }
    // And nobody hears what it says.
    const deaf: Host = {
      ...host,
      run: (command, options) => host.run(['sh', '-c', '"$@" 2>&1 | exec true', 'sh', ...command], options),
    };
    await placeTar(cutInput(deaf, 1024), directory, members, { beneath: '', existing: 'remove' });
    expect(contents()).toEqual(old);
    const result = await placeTar(host, directory, members, { beneath: '', existing: 'remove' });
    expect(result.exitCode).toBe(0);
    expect(contents()).toEqual(Object.fromEntries(names.map((name) => [name, `new ${name}`])));
  });
});
