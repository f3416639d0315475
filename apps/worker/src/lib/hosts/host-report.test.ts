import { describe, expect, it } from 'vitest';

import { hostReportLines, warningsOf } from './host-report.ts';

const sound = { canConfine: true, tools: { git: '/usr/bin/git' }, freeDiskBytes: 9e9, uid: 1000, os: 'linux' } as const;

describe('warningsOf', () => {
  it.each([
    [sound, true, []],
    [sound, false, [/^opencode .* is not installed yet/]],
    [{ ...sound, canConfine: false }, true, [/install it \(apt-get install bubblewrap\)/]],
    [{ ...sound, canConfine: false, tools: { git: 'g', bwrap: 'b' } }, true, [/allow unprivileged user namespaces/]],
    [{ ...sound, uid: 0, freeDiskBytes: 5e8, tools: {} }, true, [/as root/, /little disk is left: 477 MiB/, /no git/]],
  ])('%j, installed: %s', (probe, hasOpencode, patterns) => {
    const warnings = warningsOf(probe, hasOpencode);
    expect(warnings).toHaveLength(patterns.length);
    for (const [index, pattern] of patterns.entries()) expect(warnings[index]).toMatch(pattern);
  });
});

describe('hostReportLines', () => {
  it('says nothing of a host that was not reached but why', () => {
    const report = { type: 'host', name: 'a', description: 'u@a', isUsable: false, isReachable: false } as const;
    expect(hostReportLines({ ...report, problem: 'no route', hostKeys: '~/k', warnings: [] })).toEqual([
      ['host', 'a (u@a)'],
      ['usable', 'no'],
      ['reachable', 'no'],
      ['problem', 'no route'],
      ['host key', 'not seen; asked would be ~/k'],
    ]);
  });
});
