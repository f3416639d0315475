import { describe, expect, it } from 'vitest';

import { defaultPlaces, isMongoUrl } from './places.ts';

describe('defaultPlaces', () => {
  it('follows the XDG variables, and only absolute ones', () => {
    expect(defaultPlaces({ env: {}, home: '/home/u' })).toEqual({
      store: '/home/u/.local/share/optio/optio.db',
      identity: '/home/u/.config/optio/identity.txt',
      config: '/home/u/.config/optio/config.yaml',
      logs: '/home/u/.local/state/optio/logs',
    });
    expect(
      defaultPlaces({ env: { XDG_DATA_HOME: '/data', XDG_CONFIG_HOME: 'relative' }, home: '/home/u' }),
    ).toMatchObject({
      store: '/data/optio/optio.db',
      identity: '/home/u/.config/optio/identity.txt',
    });
  });
});

describe('isMongoUrl', () => {
  it.each([
    ['mongodb://h/d', true],
    ['mongodb+srv://h/d', true],
    ['/var/lib/optio.db', false],
    ['mongodb', false],
  ])('%s: %s', (store, expected) => {
    expect(isMongoUrl(store)).toBe(expected);
  });
});
