import { arch, homedir, userInfo } from 'node:os';

import { describe, expect, it } from 'vitest';

import { shellHosts } from '../../test/shell-hosts.ts';
import type { Host } from './host.ts';
import { probeHost } from './probe.ts';

describe.each(shellHosts)('probeHost with $name', ({ missing, open }) => {
  it('knows this machine after one round trip', async (context) => {
    if (missing !== undefined) context.skip(missing);
    const value = 'line\n"quoted" $HOME `id`\n';
    await using host = open({ ODD_VALUE: value, XDG_STATE_HOME: '/tmp/state home' });
    let trips = 0;
    const counting: Host = {
      ...host,
      run: (command, options) => {
        trips += 1;
        return host.run(command, options);
      },
    };

    const probe = await probeHost(counting, { env: ['ODD_VALUE', 'NOT_SET'], tools: ['sh', 'no-such-tool'] });

    expect(trips).toBe(1);
    expect(probe).toMatchObject({ os: process.platform, arch: arch(), uid: userInfo().uid, home: homedir() });
    expect(probe.env).toEqual({ ODD_VALUE: value });
    expect(probe.stateHome).toBe('/tmp/state home');
    expect(probe.tools['sh']).toMatch(/^\/.*\/sh$/);
    expect(probe.tools).not.toHaveProperty('no-such-tool');
    expect(probe.freeDiskBytes).toBeGreaterThan(0);
  });

  it('refuses what is no name before anything runs', async (context) => {
    if (missing !== undefined) context.skip(missing);
    await using host = open();
    await expect(probeHost(host, { env: ['A; id'] })).rejects.toThrow(TypeError);
    await expect(probeHost(host, { tools: ['../x'] })).rejects.toThrow(TypeError);
  });
});
