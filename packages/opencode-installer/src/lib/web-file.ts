import type { Digests } from './digests.ts';
import { hostFetchSettings } from './host-fetch-settings.ts';
import type { NpmSettings } from './npm-config.ts';
import type { ArchiveFormat, DownloadableProgram } from './source.ts';
import { unpackDownload } from './unpack-download.ts';
import { openUrl, refuseOffline } from './web-download.ts';

/** A program at an address. */
export interface WebFile extends Digests {
  /** For messages. */
  readonly what: string;
  readonly url: string;
  readonly format: ArchiveFormat;
  /** Paths of the program in the archive; the first that is there is taken. */
  readonly members: readonly string[];
  readonly allowUnverified?: boolean;
}

/** Both ways to fetch a program from an address: with npm's settings on this machine, for proxies and credentials. */
export function webProgram(
  file: WebFile,
  loadSettings: () => Promise<NpmSettings>,
): Pick<DownloadableProgram, 'onHost' | 'open'> {
  const { what, url } = file;
  return {
    open: async ({ abortSignal, onBytes }) => {
      const download = await openUrl(url, { what, settings: await loadSettings(), abortSignal });
      return unpackDownload(download, { ...file, digests: file, onBytes });
    },
    onHost: async () => {
      const settings = await loadSettings();
      refuseOffline({ what, settings });
      return { ...file, ...hostFetchSettings(url, settings) };
    },
  };
}

/** Throws a `TypeError` for an address that is none, without showing what may be a password. */
export function checkWebUrl(url: string, name: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:') {
    throw new TypeError(`${name} must be an http or https address`);
  }
  if (parsed.username + parsed.password !== '') {
    throw new TypeError(`${name} must hold no user name and no password; npm's configuration may, for its address`);
  }
  return parsed;
}

/** Throws a `TypeError` for a path that an archive's tool on a host could read in another way. */
export function checkMember(member: string): void {
  if (!/^[A-Za-z0-9_@+][A-Za-z0-9._@+/-]*$/.test(member) || member.split('/').includes('..')) {
    throw new TypeError(`member must be a path of plain characters, not ${JSON.stringify(member)}`);
  }
}
