import { describe, expect, it } from 'vitest';

import { browserShims } from './browser-shims.ts';
import type { BrowserMode } from './log-entry.ts';

describe('browserShims', () => {
  it('puts the stubs before the host’s programs, and knows the usual ones where the host names none', () => {
    const shims = browserShims({ mode: 'suppress', workdir: '/w//' });
    expect(shims?.env('/opt/bin:/bin')).toEqual({ BROWSER: '/w/bin/xdg-open', PATH: '/w/bin:/opt/bin:/bin' });
    expect(shims?.env('')['PATH']).toBe('/w/bin:/usr/local/bin:/usr/bin:/bin');
    expect(shims?.files.every(({ mode }) => mode === 0o700)).toBe(true);
    expect(shims?.files.some(({ content }) => content.includes('BROWSER:'))).toBe(false);
    const redirect = browserShims({ mode: 'redirect', workdir: '/w' });
    expect(redirect?.files.every(({ content }) => content.includes('BROWSER: "%s"\\n'))).toBe(true);
  });

  it('refuses a workdir that PATH cannot hold, where there is something to find in it', () => {
    for (const workdir of ['', 'w', '/a:b']) {
      for (const mode of ['suppress', 'redirect'] as const) {
        expect(() => browserShims({ mode, workdir })).toThrow(
          /^Browser shims need a workdir that is absolute and has no colon/,
        );
      }
      expect(browserShims({ mode: 'ignore', workdir })).toBeUndefined();
    }
  });

  it('refuses a mode that it does not know', () => {
    expect(() => browserShims({ mode: 'open' as BrowserMode, workdir: '/w' })).toThrow(
      /^Unknown browser mode "open": use/,
    );
  });
});
