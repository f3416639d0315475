import type { Bytes, Host, HostProbe } from '@optio-ts/host-core';

/** Something the caller should tell its user, though the installation goes on. */
export interface InstallWarning {
  /**
   * `DIGEST_NOT_PINNED`: checked against the registry's own metadata only. `OTHER_VERSION_USED`: no network, so another
   * installed version serves. `RIPGREP_UNAVAILABLE`: opencode's search tools will not work.
   */
  readonly code: 'DIGEST_NOT_PINNED' | 'OTHER_VERSION_USED' | 'RIPGREP_UNAVAILABLE';
  readonly message: string;
}

/** What an installation is doing. */
export interface InstallProgress {
  readonly step: 'check' | 'download' | 'ready' | 'verify' | 'wait';
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
  readonly version: string;
  /** The end of its directory's name, for instance `linux-x64-baseline`. */
  readonly variant: string;
  /** Other variants that run on the host too; one of them that is installed serves when there is no network. */
  readonly otherVariants: readonly string[];
  /** Opens the download. Called only when the program is not installed. */
  open(options: OpenDownloadOptions): Promise<OpenedProgram>;
}

/** Options of `DownloadableProgram.open`. */
export interface OpenDownloadOptions {
  readonly abortSignal?: AbortSignal | undefined;
  /** Called for every chunk that arrives. */
  readonly onBytes?: (bytes: number, totalBytes: number | undefined) => void;
  readonly onWarning?: (warning: InstallWarning) => void;
}

/** A program as it arrives. */
export interface OpenedProgram {
  /** Of the unpacked program. */
  readonly sizeBytes: number;
  /** The program. Only an iteration that ends without an error has delivered a verified one. */
  readonly content: Bytes;
}

/** Says which opencode, and from where. `npmSource()` and `binarySource(path)` make one; others are a small object. */
export interface OpencodeSource {
  /** For messages and `OpencodeBinary.source`. */
  readonly name: string;
  /** Decides what runs on the host. */
  resolve(context: SourceContext): Promise<DownloadableProgram | PresentProgram>;
  /** Decides which ripgrep goes with it: as a rule the host's own, where the probe found one. */
  resolveRipgrep(context: SourceContext): Promise<DownloadableProgram | PresentProgram>;
}
