import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { TaskFileError } from './task-file-problem.ts';
import { loadRecordedTask, loadTaskFile } from './task-file.ts';
import type { Task } from './task.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'optio-task-file-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const ENV = { HOME: '/home/nobody', OPENAI_API_KEY: 'sk-from-env\n' };

async function load(text: string | Buffer, name = 'task.yaml'): Promise<Task> {
  await writeFile(join(directory, name), text);
  return loadTaskFile(name, { cwd: directory, env: ENV, now: new Date('2026-11-23T06:15:42Z') });
}

/** One line per problem, as the command prints them. */
async function problemsOf(text: string | Buffer): Promise<string[]> {
  try {
    await load(text);
  } catch (error) {
    if (error instanceof TaskFileError) return error.message.split('\n');
    throw error;
  }
  return [];
}

const MODEL = 'model: { provider: openai, name: gpt-5, apiKey: env:OPENAI_API_KEY }\n';

describe('loadTaskFile', () => {
  it('reads a whole task', async () => {
    await mkdir(join(directory, 'project'));
    await writeFile(join(directory, 'key.txt'), '  sk-from-file\n');
    const task = await load(`
task: |
  Write the report.
  In two parts.
id: nightly-7
model:
  provider: local
  name: some/model
  baseUrl: http://127.0.0.1:8080/v1
  apiKey: file:key.txt
files: ./project
deadline: 1h30m
seed: 65a1b2c3d4e5f60718293a4b
saveSeed: nightly login
deliverables: out
confine: required
env:
  LANG: C.UTF-8
  GITHUB_TOKEN: env:OPENAI_API_KEY
opencode:
  provider:
    other: { options: { apiKey: env:OPENAI_API_KEY, baseURL: http://x } }
  plugin: [a, b]
`);
    expect(task).toMatchObject({
      id: 'nightly-7',
      prompt: 'Write the report.\nIn two parts.\n',
      model: 'local/some/model',
      homeConfig: {
        model: 'local/some/model',
        small_model: 'local/some/model',
        enabled_providers: ['local'],
        provider: {
          local: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: 'http://127.0.0.1:8080/v1' },
            models: { 'some/model': { name: 'some/model' } },
          },
        },
      },
      config: { provider: { other: { options: { baseURL: 'http://x' } } }, plugin: ['a', 'b'] },
      login: {
        local: { type: 'api', key: 'sk-from-file' },
        other: { type: 'api', key: 'sk-from-env' },
      },
      files: { kind: 'directory', path: join(directory, 'project') },
      env: { LANG: 'C.UTF-8', GITHUB_TOKEN: 'sk-from-env' },
      deadlineMs: 5_400_000,
      seedId: '65a1b2c3d4e5f60718293a4b',
      saveSeed: { label: 'nightly login' },
      outputDirectory: join(directory, 'out'),
      confine: 'required',
    });
    expect(JSON.stringify([task.homeConfig, task.config])).not.toContain('sk-from');
  });

  it('fills in what is left out', async () => {
    const task = await load(`task: x\n${MODEL}`, 'My report.yml');
    expect(task.id).toMatch(/^My-report-20261123-061542-[0-9a-f]{4}$/);
    expect(task).toMatchObject({
      files: undefined,
      env: undefined,
      config: undefined,
      deadlineMs: undefined,
      seedId: undefined,
      saveSeed: false,
      outputDirectory: join(directory, 'optio-out', task.id),
      homeConfig: { model: 'openai/gpt-5', enabled_providers: ['openai'] },
    });
    expect(task.homeConfig?.['provider']).toEqual({ openai: { models: { 'gpt-5': {} } } });
  });

  it('leaves a well-known provider its protocol when only its address changes', async () => {
    const task = await load(
      'task: x\nmodel: { provider: anthropic, name: m, baseUrl: "https://gateway.example", apiKey: env:OPENAI_API_KEY }\n',
    );
    expect(task.homeConfig?.['provider']).toEqual({
      anthropic: { options: { baseURL: 'https://gateway.example' }, models: { m: {} } },
    });
  });

  it('names every problem at once, with its line and field, in the order of the lines', async () => {
    const problems = await problemsOf(`id: 7
tsak: Write the report.
model:
  provider: openai
  nam: gpt-5
  apiKey: sk-literal-secret
files: ./missing
deadline: soon
confine: maybe
env:
  GITHUB_TOKEN: ghp_literal_secret
  OTHER: env:NOT_SET
saveSeed: 3
`);
    expect(problems.map((line) => line.replaceAll(directory, '<dir>'))).toEqual([
      'task.yaml:1: task: is missing: what the agent is to do',
      'task.yaml:1: id: is read as a number: a name for the task; put text in quotes',
      'task.yaml:2: tsak: is not a field here; did you mean task?',
      "task.yaml:3: model.name: is missing: the model's name as its provider spells it",
      'task.yaml:5: model.nam: is not a field here; did you mean name?',
      'task.yaml:6: model.apiKey: holds a value where a reference belongs; put the secret into an environment variable and write env:NAME, or into a file and write file:PATH',
      'task.yaml:7: files: cannot be read: <dir>/missing: there is no such file or directory',
      'task.yaml:8: deadline: is no duration; write 90s, 30m, 2h or 1h30m, at most 20d',
      'task.yaml:9: confine: must be auto, required or off',
      'task.yaml:11: env.GITHUB_TOKEN: holds a value where a reference belongs; put the secret into an environment variable and write env:NAME, or into a file and write file:PATH',
      'task.yaml:12: env.OTHER: the environment variable NOT_SET is not set; set it, or name another',
      'task.yaml:13: saveSeed: must be true, false or a label in quotes',
    ]);
  });

  it.each([
    ['nothing', '', 'task.yaml:1: is empty: fields such as `task: …`, one per line'],
    ['a list', '- a\n', 'task.yaml:1: is not what it must be: fields such as `task: …`, one per line'],
    ['an empty field', `task:\n${MODEL}`, 'task.yaml:1: task: is empty: what the agent is to do'],
    ['blank text', `task: "  "\n${MODEL}`, 'task.yaml:1: task: is empty: what the agent is to do'],
    [
      'an unclosed bracket',
      'task: x\nmodel: {\n',
      'task.yaml:3: the indentation does not fit the lines above, or a bracket is not closed',
    ],
    ['a tab', 'task: x\nmodel:\n\tname: y\n', 'task.yaml:3: a tab in the indentation; use spaces'],
    ['a field given twice', `task: x\n${MODEL}task: y\n`, 'task.yaml:3: task: is given twice; keep one'],
    [
      'a second document',
      `task: x\n---\ntask: y\n`,
      'task.yaml:2: a second document (`---`) begins here; the file holds one',
    ],
    [
      'a tag',
      `task: !secret x\n${MODEL}`,
      'task.yaml:1: tags (`!name`) are not used here; quote the text if it begins with `!`',
    ],
    [
      'an alias to nothing',
      `task: *x\n${MODEL}`,
      'task.yaml:1: an alias names no anchor above it; quote the text if it begins with an asterisk',
    ],
    [
      'no model',
      'task: x\n',
      'task.yaml:1: model: is missing: say which model answers, or name a seed that brings one',
    ],
    [
      'no key',
      'task: x\nmodel: { provider: openai, name: y }\n',
      "task.yaml:2: model.apiKey: is missing: the provider's key, as env:NAME or file:PATH",
    ],
    [
      'a key file that is not there',
      'task: x\nmodel: { provider: openai, name: y, apiKey: "file:/nowhere/key" }\n',
      'task.yaml:2: model.apiKey: cannot read /nowhere/key: there is no such file or directory',
    ],
    [
      'an id that leaves the directory',
      `id: ../x\ntask: x\n${MODEL}`,
      'task.yaml:1: id: must begin with a letter or digit, go on with letters, digits, `.`, `_` or `-`, and have at most 64 characters',
    ],
    [
      'a deadline of nothing',
      `deadline: 0s\ntask: x\n${MODEL}`,
      'task.yaml:1: deadline: is no duration; write 90s, 30m, 2h or 1h30m, at most 20d',
    ],
    [
      'an address of another kind',
      'task: x\nmodel: { provider: a, name: y, baseUrl: "ftp://x" }\n',
      'task.yaml:2: model.baseUrl: must be an http:// or https:// address, such as http://127.0.0.1:8080/v1',
    ],
    [
      'a git URL with a login',
      `files: "https://user:pw@example.org/x.git"\ntask: x\n${MODEL}`,
      "task.yaml:1: files: holds a login; leave it to git's credential helper (https) or to your keys (ssh)",
    ],
    [
      'plain http',
      `files: "http://example.org/x.git"\ntask: x\n${MODEL}`,
      'task.yaml:1: files: names a protocol that is not used here; git URLs begin with https://, ssh:// or file://',
    ],
    [
      'a number that JSON lacks',
      `opencode: { a: .nan }\ntask: x\n${MODEL}`,
      'task.yaml:1: opencode.a: holds something that JSON does not have',
    ],
    [
      'a variable with an odd name',
      `env: { "1A": x }\ntask: x\n${MODEL}`,
      'task.yaml:1: env.(…): a variable has a name of letters, digits and `_` that does not begin with a digit',
    ],
  ])('refuses %s', async (_, text, expected) => {
    expect(await problemsOf(text)).toEqual([expected]);
  });

  it('refuses bytes that are no text, too many of them, and what is not there', async () => {
    expect(await problemsOf(Buffer.from([0x74, 0xff]))).toEqual(['task.yaml:1: is not UTF-8 text']);
    expect(await problemsOf('#'.repeat(1024 * 1024 + 1))).toEqual([
      'task.yaml:1: is larger than 1 MiB, too much for a task file',
    ]);
    const options = { cwd: directory, env: ENV, now: new Date() };
    await expect(loadTaskFile('nope.yaml', options)).rejects.toThrow(
      'nope.yaml:1: cannot be read: there is no such file or directory',
    );
    await expect(loadTaskFile('.', options)).rejects.toThrow('.:1: is not a file');
  });

  it.each([
    ['in a reference field', 'task: x\nmodel: { provider: openai, name: y, apiKey: SEKRET }\n'],
    ['where the space is missing', 'task: x\nmodel: { provider: openai, name: y, "apiKey:SEKRET": 1 }\n'],
    ['as a name without a value', 'task: x\nmodel: {apiKey:SEKRET}\n'],
    ['in broken YAML', 'task: x\nmodel:\n  apiKey: "SEKRET\\q\n'],
    ['as an alias', 'task: x\nmodel: { provider: a, name: *SEKRET }\n'],
    ['in an enum', 'task: x\nconfine: SEKRET\n'],
    ['in an URL', 'task: x\nfiles: https://SEKRET@example.org/x\n'],
    ['in a configuration', 'task: x\nopencode: { provider: { a: { options: { apiKey: SEKRET } } } }\n'],
    [
      'in a header of a configuration',
      'task: x\nopencode: { mcp: { a: { headers: { Authorization: Bearer SEKRET } } } }\n',
    ],
    ['in a variable', 'task: x\nenv: { AWS_SECRET: SEKRET }\n'],
  ])('does not repeat a secret that stands %s', async (_, text) => {
    const problems = await problemsOf(text);
    expect(problems).not.toEqual([]);
    expect(problems.join('\n')).not.toContain('SEKRET');
  });

  it("lets opencode's own substitutions stand in a configuration", async () => {
    const task = await load(
      `task: x\n${MODEL}opencode: { mcp: { a: { headers: { Authorization: "Bearer {env:MCP_TOKEN}" } } } }\n`,
    );
    expect(task.config).toEqual({
      mcp: { a: { headers: { Authorization: 'Bearer {env:MCP_TOKEN}' } } },
    });
  });

  it('refuses a key file that the agent would be given', async () => {
    await writeFile(join(directory, 'key.txt'), 'k');
    const problems = await problemsOf(
      'task: x\nfiles: .\nmodel: { provider: openai, name: y, apiKey: "file:key.txt" }\n',
    );
    expect(problems).toEqual([
      'task.yaml:3: model.apiKey: names a file inside `files`, where the agent would find it; keep it elsewhere',
    ]);
  });

  it('survives a field that would reach into the prototype', async () => {
    const problems = await problemsOf(`task: x\n${MODEL}__proto__: { id: y }\n`);
    expect(problems).toEqual([expect.stringContaining('task.yaml:3: __proto__: is not a field here')]);
    const task = await load(`task: x\n${MODEL}opencode: { __proto__: { a: 1 } }\n`);
    expect(Object.getPrototypeOf(task.config)).toBe(Object.prototype);
  });

  it('says where a field is, for problems that are found later', async () => {
    const task = await load(`task: x\n\n${MODEL}seed: abc\n`);
    expect(task.problemAt(['seed'], 'is not there').message).toBe('task.yaml:4: seed: is not there');
    expect(task.problemAt(['files'], 'is too large').message).toBe('task.yaml:1: files: is too large');
  });

  it('writes problems that are safe to print', async () => {
    const problems = await problemsOf('"\\e[2J": 1\ntask: x\n');
    expect(stripVTControlCharacters(problems.join())).toBe(problems.join());
  });
});

describe('loadRecordedTask', () => {
  it('has what was added, and needs no files any more', async () => {
    const { source } = await load(`task: Write.\n${MODEL}`);
    const record = { ...source, text: `${source.text}files: gone\n`, added: ['Translate it.', 'Print it.'] };
    const how = { cwd: directory, env: ENV, now: new Date() };
    await expect(loadRecordedTask(record, how)).rejects.toThrow(/files: cannot be read/);
    const task = await loadRecordedTask(record, { ...how, isResumed: true });
    expect(task.prompt).toMatch(/^Write\.\n\nAdded later[^]*\n\nTranslate it\.\n\nAdded later[^]*\n\nPrint it\.$/);
    expect(task.source.added).toEqual(['Translate it.', 'Print it.']);
    // Words of an earlier time are no part of a new file, and what is said with it is.
    const file = await loadTaskFile('task.yaml', { ...how, added: ['Now.'] });
    expect(file.source.added).toEqual(['Now.']);
  });
});
