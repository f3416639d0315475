export { binarySource } from './lib/binary-source.ts';
export type { BinarySourceOptions } from './lib/binary-source.ts';
export { ensureOpencode } from './lib/ensure-opencode.ts';
export type { EnsureOpencodeOptions, OpencodeBinary } from './lib/ensure-opencode.ts';
export { OpencodeInstallError } from './lib/errors.ts';
export type { OpencodeInstallErrorCode } from './lib/errors.ts';
export type { NpmOptions } from './lib/npm-config.ts';
export { npmSource } from './lib/npm-source.ts';
export type { NpmSourceOptions } from './lib/npm-source.ts';
export { OPENCODE_VERSION } from './lib/pins.ts';
export type {
  DownloadableProgram,
  InstallProgress,
  InstallWarning,
  OpencodeSource,
  OpenDownloadOptions,
  OpenedProgram,
  PresentProgram,
  SourceContext,
} from './lib/source.ts';
