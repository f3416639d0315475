import { downloadFile, readFile, removePath, runChecked } from '@optio-ts/host-core';

import { chooseWays } from './choose-ways.ts';
import { createDigestCheck } from './digests.ts';
import { OpencodeInstallError } from './errors.ts';
import { explainHostDownload } from './fetch-on-host.ts';
import { hostFetchSettings } from './host-fetch-settings.ts';
import type { NpmSettings } from './npm-config.ts';
import { readBounded } from './read-bounded.ts';
import type { HostFetch, SourceContext } from './source.ts';
import { openUrl } from './web-download.ts';

/** Which script. */
export interface ScriptRequest {
  readonly url: string;
  /** @default not checked */
  readonly sha256: string | undefined;
  readonly loadSettings: () => Promise<NpmSettings>;
  readonly isSameMachine: boolean;
}

const what = 'the smart-install script';
const maxBytes = 1024 ** 2;

/** Fetches the script, on either way, and checks its digest before anybody runs it. */
export async function fetchScript(context: SourceContext, request: ScriptRequest): Promise<Buffer> {
  const { abortSignal, fetch, host, onWarning, probe, sendCredentials } = context;
  const { isSameMachine, loadSettings, sha256, url } = request;
  const settings = await loadSettings();
  const hostFetch = { url, format: 'binary', members: [], ...hostFetchSettings(url, settings) } as const;
  const chosen = chooseWays({ fetch, isSameMachine, tools: probe.tools, sendCredentials, hostFetch });
  if ('refused' in chosen) {
    throw new OpencodeInstallError(
      'FETCH_REFUSED',
      `${host.description} cannot fetch ${what} by itself: ${chosen.refused}; use fetch 'auto' or 'here'`,
    );
  }
  if (chosen.ways[0] === 'host') {
    try {
      return await fetchByHost(context, hostFetch, sha256);
    } catch (error) {
      if (chosen.ways.length === 1 || !OpencodeInstallError.is(error) || error.code === 'DIGEST_MISMATCH') throw error;
      onWarning?.({
        code: 'PUSHED_INSTEAD',
        message: `${what} is fetched by this machine: ${error.message}`,
      });
    }
  }
  const { content } = await openUrl(url, { what, settings, abortSignal });
  const script = await readBounded(content, maxBytes, what);
  const check = createDigestCheck(what, sha256 === undefined ? {} : { sha256 });
  check.update(script);
  check.verify();
  return script;
}

async function fetchByHost(
  { abortSignal, host }: SourceContext,
  { headers, url }: HostFetch,
  sha256: string | undefined,
): Promise<Buffer> {
  const { stdout } = await runChecked(host, ['mktemp', '-d'], { what: 'Cannot make a temporary directory' });
  const directory = stdout.toString('utf8').trim();
  try {
    const path = `${directory}/script`;
    await downloadFile(host, {
      url,
      path,
      maxBytes,
      stallMs: 15_000,
      ...(sha256 === undefined ? { allowUnverified: true } : { sha256 }),
      ...(headers && { headers }),
      ...(abortSignal && { abortSignal }),
    });
    const script = await readFile(host, path, { maxBytes, ...(abortSignal && { abortSignal }) });
    if (script === undefined) throw new OpencodeInstallError('DOWNLOAD_FAILED', `${path} is gone`);
    return script;
  } catch (error) {
    throw explainHostDownload(error, what, url);
  } finally {
    await removePath(host, directory);
  }
}
