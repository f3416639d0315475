import { describe, expect, it } from 'vitest';

import { withToolRules } from './tool-rules.ts';

const permissionOf = (config: object, options: Parameters<typeof withToolRules>[1]): unknown =>
  JSON.stringify(withToolRules(config as never, options)['permission']);

describe('withToolRules', () => {
  it('leaves a configuration alone for which nothing is asked', () => {
    const config = { model: 'a/b' };
    expect(withToolRules(config, {})).toBe(config);
  });

  it('denies all that an allow-list does not name, first, so that what it names wins', () => {
    expect(permissionOf({}, { allowedTools: ['read', 'bash'] })).toBe('{"*":"deny","read":"allow","bash":"allow"}');
  });

  it('keeps the finer rules of the caller for an allowed tool', () => {
    const permission = { bash: { 'rm *': 'ask' }, edit: 'allow' };
    expect(permissionOf({ permission }, { allowedTools: ['bash'] })).toBe('{"*":"deny","bash":{"rm *":"ask"}}');
  });

  it('denies what is disallowed last, also where it is allowed', () => {
    const options = { allowedTools: ['read', 'bash'], disallowedTools: ['read', 'webfetch'] };
    expect(permissionOf({}, options)).toBe('{"*":"deny","bash":"allow","read":"deny","webfetch":"deny"}');
    expect(permissionOf({ permission: 'allow' }, { disallowedTools: ['bash'] })).toBe('{"*":"allow","bash":"deny"}');
  });

  it('lets the agent ask where somebody answers, unless the caller says otherwise', () => {
    expect(permissionOf({}, { onQuestion: 'decline' })).toBe('{"question":"allow"}');
    expect(permissionOf({ permission: { question: 'deny' } }, { onQuestion: 'decline' })).toBe('{"question":"deny"}');
    expect(permissionOf({}, { allowedTools: ['read'], onQuestion: 'decline' })).toBe(
      '{"*":"deny","question":"allow","read":"allow"}',
    );
  });
});
