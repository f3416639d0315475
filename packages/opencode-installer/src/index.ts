export { binarySource } from './lib/binary-source.ts';
export type { BinarySourceOptions } from './lib/binary-source.ts';
export type { EvictionPolicy } from './lib/choose-evicted.ts';
export type { FetchMode } from './lib/choose-ways.ts';
export type { Digests } from './lib/digests.ts';
export { ensureOpencode } from './lib/ensure-opencode.ts';
export type { EnsureOpencodeOptions, OpencodeBinary } from './lib/ensure-opencode.ts';
export { OpencodeInstallError } from './lib/errors.ts';
export type { OpencodeInstallErrorCode } from './lib/errors.ts';
export type { InstalledProgram, InstalledPrograms } from './lib/installed.ts';
export type { NpmOptions } from './lib/npm-config.ts';
export { npmSource } from './lib/npm-source.ts';
export type { NpmSourceOptions } from './lib/npm-source.ts';
export { OPENCODE_VERSION } from './lib/pins.ts';
export { SMART_INSTALL_URL, smartInstallSource } from './lib/smart-install-source.ts';
export type { SmartInstallSourceOptions } from './lib/smart-install-source.ts';
export type {
  ArchiveFormat,
  DownloadableProgram,
  HostFetch,
  InstallProgress,
  InstallWarning,
  OpencodeSource,
  OpenDownloadOptions,
  OpenedProgram,
  PresentProgram,
  SourceContext,
} from './lib/source.ts';
export { urlSource } from './lib/url-source.ts';
export type { UrlSourceOptions } from './lib/url-source.ts';
