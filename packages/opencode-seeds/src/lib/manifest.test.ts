import { describe, expect, it } from 'vitest';

import { manifestFor, opencodeManifest } from './manifest.ts';

describe('opencodeManifest', () => {
  it('is the original’s', () => {
    expect(opencodeManifest).toMatchObject({
      collection: { name: 'opencode_seeds' },
      version: 1,
      include: ['.local/share/opencode/auth.json', '.config/opencode/opencode.json', '.config/opencode/plugins'],
    });
  });
});

describe('manifestFor', () => {
  for (const version of [undefined, '1.18.33', '1.0.0-beta.1', '1.2.3+build']) {
    it(`knows ${version}`, () => {
      expect(manifestFor(version)).toBe(opencodeManifest);
    });
  }

  for (const version of ['2.0.0', '0.15.0', '11.0.0', '1', '', 'latest']) {
    it(`refuses ${JSON.stringify(version)}`, () => {
      expect(() => manifestFor(version)).toThrow(expect.objectContaining({ code: 'VERSION_UNSUPPORTED' }));
    });
  }
});
