import type { Host } from '@optio-ts/host-core';
import { getSeed, plantSeed } from '@optio-ts/seed-engine';
import type { PlantReport, SeedFiles, SeedTransform } from '@optio-ts/seed-engine';

import { findActiveContent } from './active-content.ts';
import type { HomeContent } from './active-content.ts';
import { modelOf } from './config.ts';
import type { JsonObject } from './config.ts';
import { homeContent, HOME_FILES } from './home.ts';
import { hasRotatingLogin } from './logins.ts';
import { manifestFor, opencodeManifest } from './manifest.ts';
import type { OpencodeSeedsOptions } from './opencode-seeds.ts';

/** Options of `OpencodeSeeds.plant`. */
export interface PlantOpencodeSeedOptions {
  readonly host: Host;
  /** Absolute path of the home on the host; made where it is missing. No agent may have used it. */
  readonly home: string;
  /** As for a capture. @default the way to the home is trusted */
  readonly beneath?: string;
  readonly seedId: string;
  /** Changes files on the way, before the home has them. @default none */
  readonly transform?: SeedTransform;
  readonly abortSignal?: AbortSignal;
}

/** A seed that was planted. */
export interface PlantedOpencodeSeed extends PlantReport {
  /** opencode's configuration as the seed brought it: what a later capture of this home may be given as `config`. */
  readonly config: JsonObject | undefined;
  /** The model that the seed names. */
  readonly model: string | undefined;
  /** Whether the login rotates when it is used. */
  readonly isExclusive: boolean;
  /** What of it can run code or redirect traffic, by name. */
  readonly activeContent: readonly string[];
}

/** What was planted, with its secrets. */
export interface PlantedHome {
  readonly report: PlantedOpencodeSeed;
  /** The logins, as the home has them. */
  readonly logins: JsonObject;
}

/** Plants a seed in one round trip. */
export async function plantHome(bound: OpencodeSeedsOptions, options: PlantOpencodeSeedOptions): Promise<PlantedHome> {
  const { transform, ...rest } = options;
  const known = await getSeed({ ...bound, manifest: opencodeManifest, seedId: options.seedId });
  const manifest = manifestFor(known?.agentVersion);
  let content: HomeContent | undefined;
  const report = await plantSeed({
    ...bound,
    ...rest,
    manifest,
    transform: {
      files: [...new Set([...HOME_FILES, ...(transform?.files ?? [])])],
      apply: async (files, contents) => {
        const own = Object.fromEntries((transform?.files ?? []).map((name) => [name, files[name]]));
        const changed: SeedFiles = (await transform?.apply(own, contents)) ?? {};
        content = homeContent({ ...files, ...changed }, contents);
        return changed;
      },
    },
  });
  const { auth, config } = content ?? {};
  return {
    logins: auth ?? {},
    report: {
      ...report,
      config,
      model: modelOf(config) ?? report.seed.model,
      isExclusive: hasRotatingLogin(auth),
      activeContent: content === undefined ? [] : findActiveContent(content).map(({ name }) => name),
    },
  };
}
