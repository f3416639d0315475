import { access } from 'node:fs/promises';
import { join } from 'node:path';

import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';

/** Debian's Chromium; any other is found by the variable. */
const PROGRAM = process.env['OPTIO_CHROMIUM'] ?? '/usr/bin/chromium';

/** Starts a browser without a window, or says what is missing. */
export async function openBrowser(): Promise<
  { readonly browser: Browser; readonly reason?: undefined } | { readonly browser?: undefined; readonly reason: string }
> {
  try {
    await access(PROGRAM);
  } catch {
    return { reason: `${PROGRAM} (apt-get install chromium)` };
  }
  return { browser: await chromium.launch({ executablePath: PROGRAM }) };
}

/** Takes a picture for people to look at, where `OPTIO_SCREENSHOTS` names a directory. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const directory = process.env['OPTIO_SCREENSHOTS'];
  if (directory !== undefined) await page.screenshot({ path: join(directory, `${name}.png`) });
}
