import { describe, expect, it } from 'vitest';

import { opencodeEnvironment } from './opencode-environment.ts';

const options = {
  directories: {
    taskDirectory: '/td/',
    workdir: '/td/workdir/',
    home: '/td/workdir/home',
    temporaryDirectory: '/td/tmp',
  },
  hostPath: '/usr/bin:/bin',
  ripgrepPath: '/cache/1.18.33/rg',
};

describe('opencodeEnvironment', () => {
  it('keeps home, configuration, data, cache, state, temporary files and database inside of the task', () => {
    expect(opencodeEnvironment(options)).toMatchObject({
      HOME: '/td/workdir/home',
      XDG_CONFIG_HOME: '/td/workdir/home/.config',
      XDG_DATA_HOME: '/td/workdir/home/.local/share',
      XDG_CACHE_HOME: '/td/workdir/home/.cache',
      XDG_STATE_HOME: '/td/workdir/home/.local/state',
      TMPDIR: '/td/tmp',
      OPENCODE_DB: '/td/opencode.db',
      SHELL: '/bin/sh',
    });
  });

  it('names the two files of the workdir and turns off the search of parent directories', () => {
    const environment = opencodeEnvironment(options);
    expect(environment).toMatchObject({
      OPENCODE_CONFIG: '/td/workdir/opencode.json',
      OPENCODE_DISABLE_PROJECT_CONFIG: '1',
      OPENCODE_DISABLE_CLAUDE_CODE: '1',
      OPENCODE_DISABLE_EXTERNAL_SKILLS: '1',
    });
    expect(JSON.parse(environment['OPENCODE_CONFIG_CONTENT'] ?? '')).toEqual({
      instructions: ['/td/workdir/AGENTS.md'],
    });
  });

  it('downloads nothing by itself', () => {
    expect(opencodeEnvironment(options)).toMatchObject({
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    });
  });

  it('puts ripgrep at the end of PATH, once', () => {
    expect(opencodeEnvironment(options)['PATH']).toBe('/usr/bin:/bin:/cache/1.18.33');
    expect(opencodeEnvironment({ ...options, ripgrepPath: '/bin/rg' })['PATH']).toBe('/usr/bin:/bin');
  });

  it("lets the caller's variables win, and still finds ripgrep", () => {
    const env = { BROWSER: '/td/workdir/bin/open', PATH: '/td/workdir/bin:/usr/bin', OPENCODE_DISABLE_AUTOUPDATE: '0' };
    const environment = opencodeEnvironment({ ...options, env });
    expect(environment).toMatchObject({
      BROWSER: '/td/workdir/bin/open',
      OPENCODE_DISABLE_AUTOUPDATE: '0',
      HOME: '/td/workdir/home',
    });
    expect(environment['PATH']).toBe('/td/workdir/bin:/usr/bin:/cache/1.18.33');
  });

  it('takes the shell that is given', () => {
    expect(opencodeEnvironment({ ...options, shell: '/usr/bin/bash' })['SHELL']).toBe('/usr/bin/bash');
  });

  it('holds no password', () => {
    expect(Object.keys(opencodeEnvironment(options)).filter((name) => name.includes('PASSWORD'))).toEqual([]);
  });
});
