import { expect, it } from 'vitest';

import { widgetData } from './widget-data.ts';

it("is the original's, with the directory in base64url without padding", () => {
  const { iframeSrc, localStorageOverrides } = widgetData('/tasks/größe?/workdir', 'ses_1');
  const [, directory = ''] = /^\{widgetProxyUrl\}([A-Za-z0-9_-]+)\/session\/ses_1$/.exec(iframeSrc) ?? [];
  expect(Buffer.from(directory, 'base64url').toString('utf8')).toBe('/tasks/größe?/workdir');
  expect(localStorageOverrides).toEqual({ 'opencode.settings.dat:defaultServerUrl': '{widgetProxyUrl}' });
});
