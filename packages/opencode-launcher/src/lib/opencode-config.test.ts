import { describe, expect, it } from 'vitest';

import { HEADLESS_PERMISSIONS, completeOpencodeConfig } from './opencode-config.ts';

describe('completeOpencodeConfig', () => {
  it('neither updates, shares nor keeps snapshots, and waits for nobody', () => {
    expect(completeOpencodeConfig({})).toEqual({
      autoupdate: false,
      share: 'disabled',
      snapshot: false,
      permission: HEADLESS_PERMISSIONS,
    });
  });

  it('lets the caller win, key by key', () => {
    const config = completeOpencodeConfig({
      snapshot: true,
      model: 'a/b',
      permission: { bash: { 'rm *': 'deny' }, question: 'allow' },
    });
    expect(config).toMatchObject({ snapshot: true, share: 'disabled', model: 'a/b' });
    expect(config['permission']).toEqual({
      '*': 'allow',
      question: 'allow',
      external_directory: 'deny',
      bash: { 'rm *': 'deny' },
    });
  });

  it('keeps a general rule before the special ones, since the last that fits wins', () => {
    const { permission } = completeOpencodeConfig({ permission: { edit: 'deny' } });
    expect(Object.keys(permission ?? {})).toEqual(['*', 'question', 'external_directory', 'edit']);
  });

  it('reads a single word as a rule for everything but questions, which would block', () => {
    expect(completeOpencodeConfig({ permission: 'allow' })['permission']).toEqual({ '*': 'allow', question: 'deny' });
  });

  it('leaves permissions to opencode where a person is', () => {
    expect(completeOpencodeConfig({}, { isAttended: true })).not.toHaveProperty('permission');
    expect(completeOpencodeConfig({ permission: 'ask' }, { isAttended: true })['permission']).toBe('ask');
  });
});
