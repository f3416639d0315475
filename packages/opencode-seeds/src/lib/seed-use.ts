import { writeFiles } from '@optio-ts/host-core';
import { getSeed, holdSeedLease, readSeedFiles, rewriteSeed } from '@optio-ts/seed-engine';
import type { HeldSeedLease, HoldSeedLeaseOptions } from '@optio-ts/seed-engine';

import { formatJson, parseObject } from './config.ts';
import type { JsonObject, JsonValue } from './config.ts';
import { homeContent, HOME_FILES, readLogins } from './home.ts';
import { canonical, hasRotatingLogin, isSame, mergeResumed, mergeRotated } from './logins.ts';
import { AUTH_FILE, manifestFor, opencodeManifest } from './manifest.ts';
import type { OpencodeSeedsOptions } from './opencode-seeds.ts';
import { plantHome } from './plant.ts';
import type { PlantedOpencodeSeed, PlantOpencodeSeedOptions } from './plant.ts';

/** Options of `OpencodeSeeds.use`. */
export interface UseOpencodeSeedOptions
  extends PlantOpencodeSeedOptions, Pick<HoldSeedLeaseOptions, 'leaseMs' | 'onFailure' | 'onWaiting' | 'whenBusy'> {
  /** Who uses it, unique for each use: a session's id. */
  readonly holder: string;
  /**
   * The home has come back from a snapshot: nothing is planted, but each login is brought to the newer one of the home's and the
   * seed's.
   *
   * @default false
   */
  readonly isResumed?: boolean;
  /**
   * The same holder uses the seed already, in this very home, and its process died meanwhile: the home stays as it is. A seed that
   * another has used since is `SEED_LEASE_LOST`.
   *
   * @default false
   */
  readonly isAdopted?: boolean;
}

/** A seed that a session uses: planted, leased where its login rotates, and kept up to date. */
export interface OpencodeSeedUse extends AsyncDisposable {
  readonly seedId: string;
  /** What was planted; `undefined` for a home that was resumed or adopted. */
  readonly planted: PlantedOpencodeSeed | undefined;
  /** Whether its login rotates: then this use has the lease, and `writeBack` has something to do. */
  readonly isExclusive: boolean;
  /** Aborted when the lease is lost: nothing is written back from then on. */
  readonly lost: AbortSignal;
  /**
   * Writes logins that the agent has rotated back into the seed, and resolves with whether there were any. When the agent is idle,
   * and once it has ended. One round trip where nothing has changed.
   *
   * Throws `SEED_LEASE_LOST`, `SEED_NOT_FOUND`, and what the host and the store throw; then the seed is as it was.
   */
  writeBack(options?: { readonly abortSignal?: AbortSignal }): Promise<boolean>;
  /** Gives the seed back. Idempotent. */
  release(): Promise<void>;
}

/** Takes a seed for a session. */
export async function useSeed(bound: OpencodeSeedsOptions, options: UseOpencodeSeedOptions): Promise<OpencodeSeedUse> {
  const place = { store: bound.store, manifest: opencodeManifest, seedId: options.seedId };
  const seed = await getSeed(place);
  manifestFor(seed?.agentVersion);
  // Of a seed of the original nobody knows before it is opened.
  let held = seed?.isExclusive === false ? undefined : await hold(bound, options);
  try {
    let begun = await begin(bound, options);
    const isExclusive = hasRotatingLogin(begun.logins);
    if (isExclusive && held === undefined) {
      // It rotates after all. What was planted without a lease may be outdated by now.
      held = await hold(bound, options);
      begun = await begin(bound, options);
    } else if (!isExclusive) {
      await held?.release();
      held = undefined;
    }
    return createUse(bound, options, begun, held);
  } catch (error) {
    await held?.release();
    throw error;
  }
}

/** The state of a use at its start. */
interface BegunUse {
  readonly planted: PlantedOpencodeSeed | undefined;
  /** What the seed holds. */
  readonly logins: JsonObject;
}

function hold(bound: OpencodeSeedsOptions, options: UseOpencodeSeedOptions): Promise<HeldSeedLease> {
  const { seedId, holder, leaseMs, whenBusy, onWaiting, onFailure, abortSignal } = options;
  return holdSeedLease({
    store: bound.store,
    manifest: opencodeManifest,
    seedId,
    holder,
    ...(options.isAdopted === undefined ? {} : { isOwn: options.isAdopted }),
    ...(leaseMs === undefined ? {} : { leaseMs }),
    ...(whenBusy === undefined ? {} : { whenBusy }),
    ...(onWaiting === undefined ? {} : { onWaiting }),
    ...(onFailure === undefined ? {} : { onFailure }),
    ...(abortSignal === undefined ? {} : { abortSignal }),
  });
}

async function begin(bound: OpencodeSeedsOptions, options: UseOpencodeSeedOptions): Promise<BegunUse> {
  const { host, home, beneath, seedId, transform, abortSignal } = options;
  const signal = abortSignal === undefined ? {} : { abortSignal };
  if (options.isAdopted === true) {
    const { files, contents } = await readSeedFiles({
      ...bound,
      ...signal,
      manifest: opencodeManifest,
      seedId,
      files: HOME_FILES,
    });
    return { planted: undefined, logins: homeContent(files, contents).auth ?? {} };
  }
  if (options.isResumed !== true) {
    const { report, logins } = await plantHome(bound, {
      host,
      home,
      seedId,
      ...signal,
      ...(beneath === undefined ? {} : { beneath }),
      ...(transform === undefined ? {} : { transform }),
    });
    return { planted: report, logins };
  }
  // An agent has used this home.
  const access = { ...signal, beneath: beneath ?? home };
  const [own, { files, contents }] = await Promise.all([
    readLogins(host, home, access),
    readSeedFiles({ ...bound, ...signal, manifest: opencodeManifest, seedId, files: HOME_FILES }),
  ]);
  const logins = homeContent(files, contents).auth ?? {};
  const merged = mergeResumed(own ?? {}, logins);
  if (!isSame(merged, own)) {
    await writeFiles(host, home, [{ path: AUTH_FILE, content: formatJson(merged), mode: 0o600 }], access);
  }
  return { planted: undefined, logins };
}

function createUse(
  bound: OpencodeSeedsOptions,
  { host, home, beneath = home, seedId }: UseOpencodeSeedOptions,
  { planted, logins }: BegunUse,
  held: HeldSeedLease | undefined,
): OpencodeSeedUse {
  let base = logins;
  const former = new Set<string>();
  const isFormer = (provider: string, entry: JsonValue): boolean => former.has(`${provider} ${canonical(entry)}`);
  let writing: Promise<unknown> = Promise.resolve();

  const write = async (lease: HeldSeedLease, signal: { readonly abortSignal?: AbortSignal }): Promise<boolean> => {
    const session = await readLogins(host, home, { ...signal, beneath });
    // A file that is gone or torn says nothing about the login in the seed.
    if (session === undefined || mergeRotated(base, session, { base, isFormer }) === undefined) return false;
    const { isChanged } = await rewriteSeed({
      ...bound,
      ...signal,
      manifest: opencodeManifest,
      seedId,
      lease: lease.lease,
      transform: {
        files: [AUTH_FILE],
        apply: (files) => {
          const current = parseObject(Buffer.from(files[AUTH_FILE] ?? []).toString('utf8')) ?? {};
          const merged = mergeRotated(current, session, { base, isFormer });
          return merged === undefined ? {} : { [AUTH_FILE]: Buffer.from(formatJson(merged)) };
        },
      },
    });
    if (isChanged) {
      for (const [provider, entry] of Object.entries(base)) {
        if (!isSame(session[provider], entry)) former.add(`${provider} ${canonical(entry)}`);
      }
      base = { ...base, ...pick(session, Object.keys(base)) };
    }
    return isChanged;
  };

  const release = async (): Promise<void> => {
    await writing;
    await held?.release();
  };
  return {
    seedId,
    planted,
    isExclusive: held !== undefined,
    lost: held?.lost ?? new AbortController().signal,
    writeBack(signal = {}) {
      if (held === undefined) return Promise.resolve(false);
      // One after the other: each compares with what the one before it wrote.
      const written = writing.then(() => write(held, signal));
      writing = written.catch(() => undefined);
      return written;
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}

function pick(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(
    keys.flatMap((key): [string, JsonValue][] => {
      const value = object[key];
      return value === undefined ? [] : [[key, value]];
    }),
  );
}
