import { describe, expect, it } from 'vitest';

import { decideConfinement, isolateCommand, serveCommand } from './opencode-command.ts';

describe('serveCommand', () => {
  it('is an argv with the address in it and nothing else', () => {
    const command = serveCommand({ program: '/o p/opencode', mode: 'serve', hostname: '127.0.0.1', port: 12_345 });
    expect(command).toEqual(['/o p/opencode', 'serve', '--hostname=127.0.0.1', '--port=12345']);
  });
});

describe('isolateCommand', () => {
  const isolation = {
    directories: {
      taskDirectory: '/td',
      workdir: '/td/workdir',
      home: '/td/workdir/home',
      controlDirectory: '/td/control',
    },
    programs: ['/cache/opencode', '/cache/rg'],
    grants: { readOnly: ['/data'], readWrite: ['/out'] },
  };

  it('has a command that is not confined look above its task directory first', () => {
    const command = isolateCommand(['opencode', 'serve'], { ...isolation, isConfined: false });
    expect(command.slice(-3)).toEqual(['/td', 'opencode', 'serve']);
  });

  it('grants the programs and what is asked for, and hides the records of the supervisor', () => {
    const command = isolateCommand(['opencode', 'serve'], { ...isolation, isConfined: true }).join(' ');
    expect(command).toMatch(/^bwrap .* -- opencode serve$/);
    for (const mount of [
      '--bind /td /td',
      '--ro-bind /cache/opencode /cache/opencode',
      '--ro-bind /cache/rg /cache/rg',
    ]) {
      expect(command).toContain(mount);
    }
    for (const mount of ['--ro-bind /data /data', '--bind /out /out', '--tmpfs /td/control', '--chdir /td/workdir']) {
      expect(command).toContain(mount);
    }
  });
});

describe('decideConfinement', () => {
  it.each([
    ['auto', true, true],
    ['required', true, true],
    ['off', true, false],
    ['off', false, false],
  ] as const)('for %s where it works: %s → %s, without a warning', (mode, canConfine, isConfined) => {
    expect(decideConfinement(mode, canConfine, 'build-3')).toEqual({ isConfined, warning: undefined });
  });

  it('warns where it would like to and cannot', () => {
    const decision = decideConfinement('auto', false, 'build-3');
    expect(decision.isConfined).toBe(false);
    expect(decision.warning).toContain('build-3');
  });

  it.each(['require', '', true])('takes no other mode: %j', (mode) => {
    expect(() => decideConfinement(mode as never, false, 'build-3')).toThrow(
      /confine must be one of auto, required, off/,
    );
  });

  it('refuses where it must and cannot', () => {
    expect(() => decideConfinement('required', false, 'build-3')).toThrow(
      expect.objectContaining({ code: 'CONFINEMENT_UNAVAILABLE' }),
    );
  });
});
