import { importSeed } from '@optio-ts/seed-engine';
import type { ImportSeedOptions, Seed } from '@optio-ts/seed-engine';

import { findActiveContent } from './active-content.ts';
import { hasLogin } from './config.ts';
import { OpencodeSeedError } from './errors.ts';
import { homeContent, HOME_FILES } from './home.ts';
import { opencodeManifest } from './manifest.ts';
import type { OpencodeSeedsOptions } from './opencode-seeds.ts';

/** Options of `OpencodeSeeds.importFile`. */
export interface ImportOpencodeSeedOptions extends Pick<ImportSeedOptions, 'abortSignal' | 'file' | 'from' | 'label'> {
  /** Take what can run code or redirect traffic too. Only from somebody whose code you would run. @default false */
  readonly acceptCode?: boolean;
}

/** A seed that was taken out of a file. */
export interface ImportedOpencodeSeed extends Seed {
  /** What of it can run code or redirect traffic, by name. */
  readonly activeContent: readonly string[];
}

/** Takes a seed out of a file, after a look at what is in it. */
export async function importFile(
  bound: OpencodeSeedsOptions,
  { acceptCode = false, ...options }: ImportOpencodeSeedOptions,
): Promise<ImportedOpencodeSeed> {
  let activeContent: readonly string[] = [];
  const seed = await importSeed({
    ...bound,
    ...options,
    manifest: opencodeManifest,
    transform: {
      files: HOME_FILES,
      apply: (files, contents) => {
        const content = homeContent(files, contents);
        if (!hasLogin(content.auth)) {
          throw new OpencodeSeedError('LOGIN_MISSING', 'This seed file holds no login for opencode');
        }
        activeContent = findActiveContent(content).map(({ name }) => name);
        if (activeContent.length === 0 || acceptCode) return {};
        throw new OpencodeSeedError(
          'ACTIVE_CONTENT',
          `The seed file holds what can run code, steer the agent or redirect its traffic: ${activeContent.join('; ')}; take it only from somebody whose code you would run (acceptCode)`,
        );
      },
    },
  });
  return { ...seed, activeContent };
}
