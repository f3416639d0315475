import { describe, expect, it } from 'vitest';

import { HostError } from './errors.ts';
import {
  checkConsumer,
  checkTaskId,
  checkTaskRoot,
  localTaskRoot,
  remoteTaskRoot,
  resolveInside,
} from './task-directory.ts';

const consumer = 'optio-opencode';

describe('checkTaskId', () => {
  it.each(['a', 'A.b-c_9', '...', '-rf', '.hidden', 'x'.repeat(200)])('takes %j', (taskId) => {
    expect(() => checkTaskId(taskId)).not.toThrow();
  });

  it.each(['', '.', '..', 'a\n', '\n', 'a/b', '../a', 'a b', 'ä', 'a\0', 'x'.repeat(201)])('refuses %j', (taskId) => {
    expect(() => checkTaskId(taskId)).toThrow(TypeError);
  });
});

describe('localTaskRoot', () => {
  it.each([
    ['the override first', { OPTIO_OPENCODE_TASK_ROOT: '/srv/t/', XDG_DATA_HOME: '/x', HOME: '/h' }, '/srv/t'],
    ['then XDG_DATA_HOME', { OPTIO_OPENCODE_TASK_ROOT: '', XDG_DATA_HOME: '/x', HOME: '/h' }, '/x/optio-opencode'],
    ['then HOME', { XDG_DATA_HOME: '', HOME: '/h' }, '/h/.local/share/optio-opencode'],
    ['ignores a relative XDG_DATA_HOME', { XDG_DATA_HOME: 'x', HOME: '/h' }, '/h/.local/share/optio-opencode'],
  ])('%s', (_, env, root) => {
    expect(localTaskRoot({ consumer, env })).toBe(root);
  });

  it('refuses a relative override and a missing home', () => {
    expect(() => localTaskRoot({ consumer, env: { OPTIO_OPENCODE_TASK_ROOT: 'here', HOME: '/h' } })).toThrow(TypeError);
    expect(() => localTaskRoot({ consumer, env: {} })).toThrow(TypeError);
  });
});

describe('remoteTaskRoot', () => {
  it('knows the override only', () => {
    expect(remoteTaskRoot({ consumer, env: { OPTIO_OPENCODE_REMOTE_TASK_ROOT: '/srv//t' } })).toBe('/srv/t');
    expect(
      remoteTaskRoot({ consumer, env: { OPTIO_OPENCODE_REMOTE_TASK_ROOT: '', XDG_DATA_HOME: '/x' } }),
    ).toBeUndefined();
  });
});

describe('checkTaskRoot', () => {
  it.each(['', '/', '//', '/.', 'a', '/a/../b', '/a\nb', '/a\0'])('refuses %j', (path) => {
    expect(() => checkTaskRoot(path)).toThrow(TypeError);
  });
});

describe('checkConsumer', () => {
  it.each(['', 'a/b', '..', '-x', 'a b', 'a_b\n'])('refuses %j', (name) => {
    expect(() => checkConsumer(name)).toThrow(TypeError);
  });
});

describe('resolveInside', () => {
  it.each([
    ['a', '/w/a'],
    ['./a//b/', '/w/a/b/'],
    ['..a/b', '/w/..a/b'],
    ['-rf', '/w/-rf'],
  ])('resolves %j', (path, resolved) => {
    expect(resolveInside('/w', path)).toBe(resolved);
  });

  it.each(['', '.', './', '/a', '..', '../w/a', 'a/..', 'a/../b', 'a\0'])('refuses %j', (path) => {
    expect(() => resolveInside('/w', path)).toThrow(
      expect.toSatisfy((e) => HostError.is(e) && e.code === 'PATH_REFUSED'),
    );
  });
});
