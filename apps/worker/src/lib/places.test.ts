import { describe, expect, it } from 'vitest';

import { defaultPlaces } from './places.ts';

describe('defaultPlaces', () => {
  it('follows the XDG variables, and only absolute ones', () => {
    expect(defaultPlaces({ env: {}, home: '/home/u' })).toEqual({
      store: '/home/u/.local/share/optio/optio.db',
      identity: '/home/u/.config/optio/identity.txt',
    });
    expect(defaultPlaces({ env: { XDG_DATA_HOME: '/data', XDG_CONFIG_HOME: 'relative' }, home: '/home/u' })).toEqual({
      store: '/data/optio/optio.db',
      identity: '/home/u/.config/optio/identity.txt',
    });
  });
});
