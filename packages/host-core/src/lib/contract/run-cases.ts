import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { RUN_ID_VARIABLE } from '../run-id.ts';
import { shellScript } from '../script.ts';
import { writeFiles } from '../write-files.ts';
import { assertBytes, everyByte, plain, rejectsWith, sh, within } from './support.ts';
import type { HostCase } from './support.ts';

const oddWords = [
  '',
  ' ',
  'two words',
  "it's",
  '"double"',
  'back\\slash',
  '$HOME',
  '$(echo no)',
  '`echo no`',
  '*',
  '~',
  '-n',
  '--',
  ';',
  '&&',
  '!history',
  'line\nbreak',
  'ends with line break\n',
  'tab\tand\rreturn',
  'Grüße, 世界 🐙',
  '%s%d',
  '{a,b}',
  '#no comment',
];

/** What `run` promises of arguments, environment, directory and output. */
export const runCases: readonly HostCase[] = [
  {
    name: 'run returns what a command prints, stdout and stderr apart, and its exit code',
    run: async ({ host }) => {
      const result = await host.run(shellScript('echo out; echo err >&2; exit 7'));
      assert.deepEqual(plain(result), { stdout: 'out\n', stderr: 'err\n', exitCode: 7, signal: undefined });
    },
  },
  {
    name: 'run gives every exit code as a result, also those that a shell gives a meaning to',
    run: async ({ host }) => {
      for (const code of [0, 1, 2, 42, 125, 126, 127, 128, 137, 255]) {
        assert.equal((await host.run(shellScript('exit "$1"', String(code)))).exitCode, code);
      }
    },
  },
  {
    name: 'run reports the signal that ended a command',
    run: async ({ host }) => {
      const result = await host.run(shellScript('echo before; kill -KILL $$'));
      assert.deepEqual(plain(result), { stdout: 'before\n', stderr: '', exitCode: undefined, signal: 'SIGKILL' });
    },
  },
  {
    name: 'run hands words over as they are, whatever a shell would read in them',
    run: async ({ host }) => {
      const result = await host.run(shellScript(`printf '%s\\0' "$@"`, ...oddWords));
      assert.deepEqual(result.stdout.toString().split('\0').slice(0, -1), oddWords);
    },
  },
  {
    name: 'run hands over words to a program that is no shell',
    run: async ({ host }) => {
      const result = await host.run(['printf', '%s|%s', "a'b", '$c']);
      assert.equal(result.stdout.toString(), "a'b|$c");
    },
  },
  {
    name: 'run hands over a word of 60 000 bytes',
    run: async ({ host }) => {
      const word = 'x y\n'.repeat(15_000);
      assert.equal((await host.run(shellScript('printf %s "$1"', word))).stdout.toString(), word);
    },
  },
  {
    name: 'run hands over 1500 words',
    run: async ({ host }) => {
      const words = Array.from({ length: 1500 }, (_, index) => `word ${index}`);
      const result = await host.run(shellScript(`printf '%s\\n' "$#" "$1500"`, ...words));
      assert.match(result.stdout.toString(), /^1500\n/);
    },
  },
  {
    name: 'run keeps every byte of stdout and stderr',
    run: async ({ host }) => {
      const result = await host.run(shellScript('tee /dev/fd/2 2>&2'), { stdin: everyByte });
      const both = await host.run(shellScript('cat; cat </dev/null >&2'), { stdin: everyByte });
      assertBytes(result.stdout, everyByte);
      assertBytes(both.stdout, everyByte);
    },
  },
  {
    name: 'run adds variables to the environment of the host',
    run: async ({ host }) => {
      const value = oddWords.join('\n');
      const env = { OPTIO_ODD: value, OPTIO_EMPTY: '' };
      const result = await host.run(
        shellScript(`printf '%s\\0' "$OPTIO_ODD" "\${OPTIO_EMPTY-unset}" "$HOME" "$PATH"`),
        { env },
      );
      const [odd, empty, home, path] = result.stdout.toString().split('\0');
      assert.equal(odd, value);
      assert.equal(empty, '');
      assert.match(home ?? '', /^\//);
      assert.match(path ?? '', /\//);
    },
  },
  {
    name: 'run overrides variables of the host for one command only',
    run: async ({ host }) => {
      const script = shellScript('printf %s "$HOME"');
      const before = (await host.run(script)).stdout.toString();
      assert.equal((await host.run(script, { env: { HOME: '/elsewhere' }, cwd: '/' })).stdout.toString(), '/elsewhere');
      assert.equal((await host.run(script)).stdout.toString(), before);
    },
  },
  {
    name: 'run puts no value of a variable into an argv',
    run: async ({ host }) => {
      const secret = randomBytes(16).toString('hex');
      const script = `
        [ -r /proc/self/cmdline ] || { printf none; exit; }
        for file in /proc/[0-9]*/cmdline; do
          case $(tr '\\0' ' ' <"$file" 2>/dev/null) in *"$SECRET"*) printf '%s ' "$file" ;; esac
        done
        printf none`;
      const result = await host.run(shellScript(script), { env: { SECRET: secret } });
      assert.equal(result.stdout.toString(), 'none');
    },
  },
  {
    name: 'run marks each command with a run id of its own, unless the caller gives one',
    run: async ({ host }) => {
      const script = shellScript(`printf %s "$${RUN_ID_VARIABLE}"`);
      const [first, second] = [(await host.run(script)).stdout.toString(), (await host.run(script)).stdout.toString()];
      assert.match(first, /^[0-9a-f]{24}$/);
      assert.match(second, /^[0-9a-f]{24}$/);
      assert.notEqual(first, second);
      const env = { [RUN_ID_VARIABLE]: 'abc123' };
      assert.equal((await host.run(script, { env })).stdout.toString(), 'abc123');
    },
  },
  {
    name: 'run starts in the home directory',
    run: async ({ host }) => {
      const [here, home] = (await sh(host, 'pwd -P; cd "$HOME" && pwd -P')).split('\n');
      assert.match(here ?? '', /^\//);
      assert.equal(here, home);
    },
  },
  {
    name: 'run starts in the directory it is given, whatever its name',
    run: async ({ host, directory }) => {
      const cwd = `${directory}/it's a "dir" $HOME\n-x`;
      await host.run(['mkdir', cwd]);
      assert.equal((await host.run(shellScript('printf "%s|" "$PWD"'), { cwd })).stdout.toString(), `${cwd}|`);
    },
  },
  {
    name: 'run says CWD_NOT_FOUND for a directory that is missing and for one that is a file',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [{ path: 'file', content: '' }]);
      const error = await rejectsWith(host.run(['true'], { cwd: `${directory}/none` }), 'CWD_NOT_FOUND');
      assert.ok(error.message.includes(`${directory}/none`) && error.message.includes(host.description));
      await rejectsWith(host.run(['true'], { cwd: `${directory}/file` }), 'CWD_NOT_FOUND');
    },
  },
  {
    name: 'run says COMMAND_NOT_FOUND, naming program and host and no argument',
    run: async ({ host, directory }) => {
      const error = await rejectsWith(host.run(['optio-no-such-program', 'hidden']), 'COMMAND_NOT_FOUND');
      assert.ok(error.message.includes('optio-no-such-program') && error.message.includes(host.description));
      assert.ok(!error.message.includes('hidden'));
      await rejectsWith(host.run([`${directory}/none`]), 'COMMAND_NOT_FOUND');
    },
  },
  {
    name: 'run says PERMISSION_DENIED for a file that is not executable and for a directory',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [{ path: 'file', content: '', mode: 0o644 }]);
      await rejectsWith(host.run([`${directory}/file`]), 'PERMISSION_DENIED');
      await rejectsWith(host.run([directory]), 'PERMISSION_DENIED');
    },
  },
  {
    name: 'run finds a program by a path relative to the directory',
    run: async ({ host, directory }) => {
      await writeFiles(host, directory, [{ path: 'tool', content: '#!/bin/sh\necho "found $1"\n', mode: 0o755 }]);
      assert.equal((await host.run(['./tool', 'it'], { cwd: directory })).stdout.toString(), 'found it\n');
    },
  },
  {
    name: 'run refuses what is no command as a TypeError',
    run: async ({ host }) => {
      const start = (...values: Parameters<typeof host.run>): Promise<unknown> => (async () => host.run(...values))();
      await assert.rejects(start([]), TypeError);
      await assert.rejects(start(['']), TypeError);
      await assert.rejects(start(['echo', 'a\0b']), TypeError);
      await assert.rejects(start('echo' as unknown as string[]), TypeError);
      await assert.rejects(start(['true'], { cwd: 'relative' }), TypeError);
      await assert.rejects(start(['true'], { env: { 'A-B': '' } }), TypeError);
      await assert.rejects(start(['true'], { env: { A: 'x\0' } }), TypeError);
      await assert.rejects(start(['true'], { stdin: 5 as unknown as string }), TypeError);
      await assert.rejects(start(['true'], { timeoutMs: Number.NaN }), TypeError);
    },
  },
  {
    name: 'run takes megabytes of both streams at once without a deadlock',
    run: async ({ host }) => {
      const script = 'head -c 6000000 /dev/zero >&2 & head -c 6000000 /dev/zero; wait';
      const result = await within('large output', host.run(shellScript(script)), 60_000);
      assert.deepEqual([result.stdout.byteLength, result.stderr.byteLength], [6_000_000, 6_000_000]);
    },
  },
  {
    name: 'run ends a command that prints more than the limit, and keeps one that prints just as much',
    run: async ({ host }) => {
      const error = await rejectsWith(host.run(['yes'], { maxOutputBytes: 100_000 }), 'OUTPUT_LIMIT');
      assert.match(error.message, /100000/);
      await rejectsWith(host.run(shellScript('yes >&2'), { maxOutputBytes: 100_000 }), 'OUTPUT_LIMIT');
      const exact = await host.run(['head', '-c', '100000', '/dev/zero'], { maxOutputBytes: 100_000 });
      assert.equal(exact.stdout.byteLength, 100_000);
    },
  },
  {
    name: 'run does not mix up commands that run at the same time',
    run: async ({ host }) => {
      const numbers = Array.from({ length: 24 }, (_, index) => String(index));
      const results = await Promise.all(
        numbers.map((number) =>
          host.run(shellScript('read x; echo "$1 $x"; exit "$1"', number), { stdin: `in ${number}\n` }),
        ),
      );
      assert.deepEqual(
        results.map((result) => [result.stdout.toString(), result.exitCode]),
        numbers.map((number) => [`${number} in ${number}\n`, Number(number)]),
      );
    },
  },
  {
    name: 'run does not wait for what a command left in the background, and has all its own output',
    run: async ({ host }) => {
      const script = 'sleep 600 & echo $! >&2; head -c 50000 /dev/zero; exit 4';
      const result = await within('a command with a child in the background', host.run(shellScript(script)));
      assert.equal(result.exitCode, 4);
      assert.equal(result.stdout.byteLength, 50_000);
      await host.run(['kill', '-KILL', result.stderr.toString().trim()]);
    },
  },
];
