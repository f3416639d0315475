import type { BrowserMode } from './log-entry.ts';

/** Every browser mode. */
export const BROWSER_MODES: readonly BrowserMode[] = ['ignore', 'suppress', 'redirect'];

/** Refuses what is no mode with a `TypeError`. */
export function checkBrowserMode(mode: BrowserMode): void {
  if (BROWSER_MODES.includes(mode)) return;
  throw new TypeError(`Unknown browser mode ${JSON.stringify(mode)}: use ${BROWSER_MODES.join(', ')}`);
}
