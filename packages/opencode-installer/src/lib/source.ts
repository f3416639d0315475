import type { Bytes, Host, HostProbe } from '@optio-ts/host-core';

import type { FetchMode } from './choose-ways.ts';
import type { Digests } from './digests.ts';
import type { InstalledPrograms } from './installed.ts';

/** Something the caller should tell its user, though the installation goes on. */
export interface InstallWarning {
  /**
   * `DIGEST_NOT_PINNED`: checked against the registry's own metadata only. `EVICTION_FAILED`: old versions stay.
   * `NOT_VERIFIED`: a script was run, or a program installed, that nobody's digest vouches for. `OTHER_VERSION_USED`: no
   * network, so another installed version serves. `PUSHED_INSTEAD`: the host could not fetch it by itself.
   * `RIPGREP_UNAVAILABLE`: opencode's search tools will not work.
   */
  readonly code:
    | 'DIGEST_NOT_PINNED'
    | 'EVICTION_FAILED'
    | 'NOT_VERIFIED'
    | 'OTHER_VERSION_USED'
    | 'PUSHED_INSTEAD'
    | 'RIPGREP_UNAVAILABLE';
  readonly message: string;
}

/** What an installation is doing. */
export interface InstallProgress {
  readonly step: 'check' | 'download' | 'evict' | 'ready' | 'verify' | 'wait';
  /** For people: `Downloading opencode 1.18.33 (linux-x64)`. */
  readonly message: string;
  /** Bytes of the package that have arrived, while downloading. */
  readonly bytes?: number;
  /** Bytes of the package, where the server says so. */
  readonly totalBytes?: number;
}

/** What a source is told about the installation it works for. */
export interface SourceContext {
  readonly host: Host;
  readonly probe: HostProbe;
  /** Who may fetch. A source that fetches something to decide has to keep to it. */
  readonly fetch: FetchMode;
  /** Whether credentials may be told to the host. */
  readonly sendCredentials: boolean;
  /**
   * What is installed there: one trip, made only when asked for, and once. The first to ask names the directories that it wants
   * to use, so that they do not count as old.
   */
  readonly installed: (...wanted: readonly string[]) => Promise<InstalledPrograms>;
  readonly onWarning?: ((warning: InstallWarning) => void) | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** A program that is already on the host. */
export interface PresentProgram {
  readonly kind: 'present';
  /** Absolute, on the host. */
  readonly path: string;
  readonly version: string;
}

/** A program that can be downloaded. Making one of these needs no network. */
export interface DownloadableProgram {
  readonly kind: 'download';
  /** What its `--version` has to print. Absent: what it prints is its version. */
  readonly version?: string | undefined;
  /** The end of its directory's name, for instance `linux-x64-baseline`. */
  readonly variant: string;
  /** Other variants that run on the host too; one of them that is installed serves when there is no network. */
  readonly otherVariants: readonly string[];
  /**
   * The beginning of its directory's name, and all that tells it from others of its variant: a digest, for instance.
   *
   * @default the version, which then has to be given
   */
  readonly identity?: string;
  /** Opens the download, by this machine. Called only when the program is not installed. */
  open(options: OpenDownloadOptions): Promise<OpenedProgram>;
  /** Says how the host can fetch it by itself. @default it cannot: the bytes are pushed */
  readonly onHost?: (options: Omit<OpenDownloadOptions, 'onBytes'>) => Promise<HostFetch>;
}

/** Options of `DownloadableProgram.open`. */
export interface OpenDownloadOptions {
  readonly abortSignal?: AbortSignal | undefined;
  /** Called for every chunk that arrives. */
  readonly onBytes?: (bytes: number, totalBytes: number | undefined) => void;
  readonly onWarning?: ((warning: InstallWarning) => void) | undefined;
}

/** A program as it arrives. */
export interface OpenedProgram {
  /** Of the unpacked program, where that is known. */
  readonly sizeBytes?: number | undefined;
  /** The program. Only an iteration that ends without an error has delivered a verified one. */
  readonly content: Bytes;
  /** Gives up what is held; also called after `content` was read, or when nobody reads it. */
  readonly close?: () => Promise<void>;
}

/** How a program is packed: as it is, in a gzip'd tar, in a zip. */
export type ArchiveFormat = 'binary' | 'tar.gz' | 'zip';

/** How a host can fetch a program by itself. */
export interface HostFetch extends Digests {
  readonly url: string;
  /** Credentials. A host is told them only with `sendCredentials`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Takes it without a digest. */
  readonly allowUnverified?: boolean;
  readonly format: ArchiveFormat;
  /** Paths of the program in the archive; the first that is there is taken. */
  readonly members: readonly string[];
  /** Why this machine should rather fetch it, where nothing else is asked for: the host knows no proxy of ours, for instance. */
  readonly betterHere?: string | undefined;
  /** Asked, by this machine, when the server has no such file at `url`: where else it is. */
  readonly elsewhere?: () => Promise<string>;
}

/** Says which opencode, and from where. `npmSource()` and its siblings make one; others are a small object. */
export interface OpencodeSource {
  /** For messages and `OpencodeBinary.source`. */
  readonly name: string;
  /** Decides what runs on the host. */
  resolve(context: SourceContext): Promise<DownloadableProgram | PresentProgram>;
  /** Decides which ripgrep goes with it: as a rule the host's own, where the probe found one. */
  resolveRipgrep(context: SourceContext): Promise<DownloadableProgram | PresentProgram>;
}
