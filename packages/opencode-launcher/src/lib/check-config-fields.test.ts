import { describe, expect, it } from 'vitest';

import { checkConfigFields } from './check-config-fields.ts';

describe('checkConfigFields', () => {
  it('takes what opencode has, and what old files have', () => {
    checkConfigFields(
      { model: 'a/b', permission: {}, theme: 'dark', $schema: 'https://opencode.ai/config.json' },
      '1.18.33',
    );
  });

  it.each([
    ['modle', 'did you mean "model"?'],
    ['permissions', 'did you mean "permission"?'],
    ['smallModel', 'did you mean "small_model"?'],
    ['toString', 'remove it'],
  ])('names %s, and what may have been meant', (field, hint) => {
    const check = (): void => checkConfigFields({ [field]: true }, '1.18.33');
    expect(check).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(check).toThrow(`opencode 1.18.33 has no field "${field}" in its configuration: ${hint}`);
  });

  it('does not judge an opencode that is newer than what it knows', () => {
    checkConfigFields({ fresh: true }, '1.20.0');
    checkConfigFields({ fresh: true }, '2.0.0');
  });
});
