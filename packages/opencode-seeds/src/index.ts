export type { CaptureScope } from './lib/capture-plan.ts';
export type { JsonObject, JsonValue } from './lib/config.ts';
export { OpencodeSeedError } from './lib/errors.ts';
export type { OpencodeSeedErrorCode } from './lib/errors.ts';
export { manifestFor, opencodeManifest } from './lib/manifest.ts';
export { opencodeSeeds } from './lib/opencode-seeds.ts';
export type {
  CapturedOpencodeSeed,
  CaptureOpencodeSeedOptions,
  OpencodeSeeds,
  OpencodeSeedsOptions,
  PlantedOpencodeSeed,
  PlantOpencodeSeedOptions,
} from './lib/opencode-seeds.ts';
