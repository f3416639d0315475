import { describe, expect, it } from 'vitest';

import { confineCommand } from './confine.ts';

const task = '/srv/tasks/a';

describe('confineCommand', () => {
  it('ends with the command, after `--`, as it was given', () => {
    const command = ['printf', '%s', '--bind', "it's", ''];
    expect(confineCommand(command, { taskDirectory: task }).slice(-6)).toEqual(['--', ...command]);
  });

  it('drops capabilities and dies with its parent', () => {
    const argv = confineCommand(['true'], { taskDirectory: task });
    expect(argv.join(' ')).toContain('--cap-drop ALL');
    expect(argv).toContain('--die-with-parent');
    expect(argv[0]).toBe('bwrap');
  });

  it('starts in the task directory unless told otherwise', () => {
    expect(confineCommand(['true'], { taskDirectory: task }).join(' ')).toContain(`--chdir ${task} --`);
    const argv = confineCommand(['true'], { taskDirectory: task, cwd: `${task}/workdir` });
    expect(argv.join(' ')).toContain(`--chdir ${task}/workdir --`);
  });

  it('mounts what lies deeper later, so that nothing is hidden by accident', () => {
    const argv = confineCommand(['true'], {
      taskDirectory: task,
      hidden: [`${task}/control`],
      readOnly: ['/srv'],
      readWrite: [`${task}/workdir/shared`],
    }).join(' ');
    const positions = [
      '--tmpfs /home',
      '--ro-bind /srv /srv',
      `--bind ${task} ${task}`,
      `--tmpfs ${task}/control --remount-ro ${task}/control`,
      `--bind ${task}/workdir/shared ${task}/workdir/shared`,
    ].map((part) => argv.indexOf(part));
    expect(positions).toEqual([...positions].toSorted((a, b) => a - b));
    expect(positions).not.toContain(-1);
  });

  it('never binds all of /etc, nor the directories of private keys', () => {
    const argv = confineCommand(['true'], { taskDirectory: task });
    for (const path of ['/', '/etc', '/etc/ssl', '/etc/pki', '/etc/pki/tls', '/run', '/var'])
      expect(argv).not.toContain(path === '/' ? '/etc/' : path);
  });

  it.each([
    ['an empty command', [], { taskDirectory: task }],
    ['a relative task directory', ['true'], { taskDirectory: 'tasks/a' }],
    ['a parent segment', ['true'], { taskDirectory: '/srv/tasks/..' }],
    ['the root as task directory', ['true'], { taskDirectory: '//' }],
    ['a grant of the root', ['true'], { taskDirectory: task, readOnly: ['/'] }],
    ['a grant inside /proc', ['true'], { taskDirectory: task, readWrite: ['/proc/1'] }],
    ['a grant of /dev', ['true'], { taskDirectory: task, readOnly: ['/dev'] }],
    ['hiding what is outside', ['true'], { taskDirectory: task, hidden: ['/srv/tasks/ab'] }],
    ['hiding the task directory itself', ['true'], { taskDirectory: task, hidden: [task] }],
  ])('refuses %s', (_, command, options) => {
    expect(() => confineCommand(command, options)).toThrow(TypeError);
  });
});
