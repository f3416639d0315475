import { describe, expect, it } from 'vitest';

import { HostError } from './errors.ts';
import { readProbe } from './probe.ts';

const debian: Readonly<Record<string, string>> = {
  system: 'Linux',
  machine: 'x86_64',
  bits: '64',
  uid: '1000',
  user: 'ada',
  home: '/home/ada',
  path: '/usr/bin:/bin',
  'libc.getconf': 'glibc 2.36',
  'libc.ldd': 'ldd (Debian GLIBC 2.36-9) 2.36',
  'libc.glibc': '/lib64/ld-linux-x86-64.so.2',
  avx2: '1',
  disk: 'Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/my disk 100 40 60 40% /mnt/a 9 9 9 9% /b',
  confine: '1',
};

function frame(answers: Readonly<Record<string, string>>): string {
  return [...Object.entries(answers), ['end', '']].map((pair) => pair.map((part) => `${part}\0`).join('')).join('');
}

function read(
  change: Readonly<Record<string, string | undefined>>,
  env: readonly string[] = [],
): ReturnType<typeof readProbe> {
  const answers = Object.entries({ ...debian, ...change }).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  return readProbe('build-3', frame(Object.fromEntries(answers)), env);
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    if (HostError.is(error)) return error.code;
    throw error;
  }
  return undefined;
}

describe('readProbe', () => {
  it('reads a Debian machine', () => {
    expect(read({})).toMatchObject({
      os: 'linux',
      arch: 'x64',
      libc: 'glibc',
      hasAvx2: true,
      user: 'ada',
      uid: 1000,
      canConfine: true,
      stateHome: '/home/ada/.local/state',
      cacheHome: '/home/ada/.cache',
      dataHome: '/home/ada/.local/share',
    });
  });

  it('takes the XDG directories as they are set, if absolute', () => {
    const probe = read({ 'env.XDG_STATE_HOME': '/s', 'env.XDG_CACHE_HOME': 'relative', 'env.XDG_DATA_HOME': '' });
    expect([probe.stateHome, probe.cacheHome, probe.dataHome]).toEqual([
      '/s',
      '/home/ada/.cache',
      '/home/ada/.local/share',
    ]);
  });

  it('reports the variables that were asked for, whatever they hold', () => {
    const probe = read({ 'env.A': 'x\ny=z\n', 'env.B': '', 'env.XDG_STATE_HOME': '/s' }, ['A', 'B', 'C']);
    expect(probe.env).toEqual({ A: 'x\ny=z\n', B: '' });
  });

  it.each([
    ['glibc by getconf', {}, 'glibc'],
    ['glibc with musl installed beside it', { 'libc.musl': '/lib/ld-musl-x86_64.so.1' }, 'glibc'],
    [
      'Alpine',
      { 'libc.getconf': '', 'libc.ldd': 'musl libc (x86_64)', 'libc.glibc': undefined, 'libc.musl': '/l' },
      'musl',
    ],
    ['Alpine with gcompat', { 'libc.getconf': '', 'libc.ldd': 'musl libc (x86_64)', 'libc.musl': '/l' }, 'musl'],
    ['a loader alone', { 'libc.getconf': '', 'libc.ldd': 'sh: ldd: not found' }, 'glibc'],
    ['nothing', { 'libc.getconf': '', 'libc.ldd': '', 'libc.glibc': undefined }, 'none'],
    ['macOS', { system: 'Darwin' }, 'none'],
  ])('knows the libc: %s', (_, change, libc) => {
    expect(read(change).libc).toBe(libc);
  });

  it.each([
    ['/dev/vda 100 40 60 40% /', 60 * 1024],
    ['fs 0 0 0 - /', 0],
    ['fs 10 20 -5 100% /x', 0],
    ['df: not found', undefined],
    ['', undefined],
  ])('reads the free disk of %j', (disk, bytes) => {
    expect(read({ disk: disk && `Filesystem\n${disk}` }).freeDiskBytes).toBe(bytes);
  });

  it('names arm64 as such, and knows no AVX2 there', () => {
    expect(read({ machine: 'aarch64' })).toMatchObject({ arch: 'arm64', hasAvx2: false });
    expect(read({ system: 'Darwin', translated: '1' })).toMatchObject({ os: 'darwin', arch: 'arm64' });
  });

  it.each([
    ['another system', { system: 'FreeBSD' }],
    ['no system', { system: undefined }],
    ['another processor', { machine: 'riscv64' }],
    ['a 32-bit userland', { bits: '32' }],
    ['no home', { home: '' }],
    ['no user id', { uid: 'x' }],
  ])('refuses %s', (_, change) => {
    expect(codeOf(() => read(change))).toBe('HOST_UNSUPPORTED');
  });

  it('refuses an answer that is not whole', () => {
    const whole = frame(debian);
    for (const cut of ['', 'Welcome!\n', whole.slice(0, -1), whole.slice(0, -5), `noise${whole}`.slice(0, 40)]) {
      expect(codeOf(() => readProbe('build-3', cut, []))).toBe('COMMAND_FAILED');
    }
  });
});
