import { open } from 'node:fs/promises';
import { resolve } from 'node:path';

import { probeHost } from '@optio-ts/host-core';
import type { Host } from '@optio-ts/host-core';
import { OPENCODE_VERSION } from '@optio-ts/opencode-installer';
import { opencodeSeeds } from '@optio-ts/opencode-seeds';
import { ageCipher, readSeedFile, writeSeedFile } from '@optio-ts/seed-engine';

import { WorkerError, messageOf } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { openTarget } from '../files/open-target.ts';
import { LOCAL_HOST, openHost } from '../hosts/open-host.ts';
import { newKeyNotice, openStore, rehearse, withStore } from '../open-store.ts';
import type { OpenedStore } from '../open-store.ts';
import { printFacts } from '../output.ts';
import { reasonOf } from '../secret-reference.ts';
import type { CommandContext } from './context.ts';
import { factsOf, found } from './seed-facts.ts';
import type { SeedsOptions } from './seeds.ts';

/** What `optio seeds capture` can be told. */
export interface CaptureSeedOptions extends SeedsOptions {
  readonly fromHome?: boolean;
  readonly host?: string;
  readonly acceptNew?: boolean;
  readonly label?: string;
  readonly model?: string;
  readonly everything?: boolean;
  readonly acceptCode?: boolean;
  readonly expires?: number;
}

/** `optio seeds capture [home]`: keeps the login and model of a home, for instance of one's own opencode. */
export async function captureSeedCommand(
  [directory]: readonly string[],
  options: CaptureSeedOptions,
  context: CommandContext,
): Promise<number> {
  const { cwd, env, interrupts, places, stderr } = context;
  const { abortSignal } = interrupts;
  if ((directory === undefined) === (options.fromHome !== true)) {
    throw new WorkerError('REFUSED', 'name a home directory, or say --from-home for your own, and not both');
  }
  if (options.model !== undefined && !/^[^/\s]+\/\S+$/.test(options.model)) {
    throw new WorkerError('REFUSED', '--model must be provider/model');
  }
  const name = options.host ?? LOCAL_HOST;
  await using opening = await openHost(name, { ...context, ...options, abortSignal });
  const home = directory ?? (name === LOCAL_HOST ? context.home : await homeOf(opening.host, abortSignal));
  if (name === LOCAL_HOST && options.fromHome === true && env['XDG_DATA_HOME'] !== undefined) {
    stderr.write('optio: XDG_DATA_HOME is not looked at: the login is taken from ~/.local/share/opencode\n');
  }
  const request = {
    host: opening.host,
    home: name === LOCAL_HOST ? resolve(cwd, home) : absolute(home),
    // Its own way to the login is settled for the whole of 1.x.
    opencodeVersion: OPENCODE_VERSION,
    scope: options.everything === true ? ('everything' as const) : ('login' as const),
    abortSignal,
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.model === undefined ? {} : { model: options.model }),
    ...(options.acceptCode === true && { acceptCode: true }),
    ...(options.expires === undefined ? {} : { expiresAt: new Date(Date.now() + options.expires) }),
  };
  await rehearse(places, (empty) => opencodeSeeds(empty).capture(request));
  await using opened = await openStore(places);
  if (opened.isNew) stderr.write(`${newKeyNotice(places)}\n`);
  const seed = await opencodeSeeds(opened).capture(request);
  printFacts(context, seed, { json: options.json, facts: factsOf(seed) });
  return EXIT_CODES.done;
}

/** What `optio seeds plant` can be told. */
export interface PlantSeedOptions extends SeedsOptions {
  readonly host?: string;
  readonly acceptNew?: boolean;
}

/** `optio seeds plant <id> <home>`: puts a seed's files into a home. */
export async function plantSeedCommand(
  [seedId = '', home = '']: readonly string[],
  options: PlantSeedOptions,
  context: CommandContext,
): Promise<number> {
  const { abortSignal } = context.interrupts;
  const name = options.host ?? LOCAL_HOST;
  const isHere = name === LOCAL_HOST;
  const target = isHere ? resolve(context.cwd, home) : absolute(home);
  await using opening = await openHost(name, { ...context, ...options, abortSignal });
  const report = await withStore(context, async (opened) => {
    const seeds = opencodeSeeds(opened);
    found(seedId, await seeds.get(seedId));
    if (isHere) await openTarget(target);
    return seeds.plant({ host: opening.host, home: target, seedId, abortSignal });
  });
  const { config: _config, seed: _seed, ...rest } = report;
  printFacts(
    context,
    { type: 'planted', seedId, ...rest },
    { json: options.json, facts: report.planted.map((path) => ['planted', path] as const) },
  );
  return EXIT_CODES.done;
}

/** What `optio seeds export` can be told. */
export interface ExportSeedOptions extends SeedsOptions {
  readonly for?: readonly string[];
  readonly overwrite?: boolean;
}

/** `optio seeds export <id> <file>`: a seed as a file for another store. */
export async function exportSeedCommand(
  [id = '', file = '']: readonly string[],
  options: ExportSeedOptions,
  context: CommandContext,
): Promise<number> {
  const path = resolve(context.cwd, file);
  await withStore(context, async (opened) => {
    const seeds = opencodeSeeds(opened);
    found(id, await seeds.get(id));
    const reseal = options.for && { from: opened.cipher, to: cipherFor(options.for) };
    const { abortSignal } = context.interrupts;
    const content = seeds.exportFile(id, { abortSignal, ...(reseal && { reseal }) });
    await writeSeedFile(path, content, options.overwrite === true ? { overwrite: true } : {}).catch(
      (error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (typeof code !== 'string' || !/^E[A-Z]+$/.test(code)) throw error;
        const reason = code === 'EEXIST' ? 'there is such a file already; --overwrite replaces it' : reasonOf(error);
        throw new WorkerError('REFUSED', `cannot write ${path}: ${reason}`, { cause: error });
      },
    );
  });
  printFacts(context, { type: 'exported', seedId: id, path }, { json: options.json, facts: [['exported', path]] });
  return EXIT_CODES.done;
}

/** What `optio seeds import` can be told. */
export interface ImportSeedOptions extends SeedsOptions {
  readonly label?: string;
  readonly acceptCode?: boolean;
}

/** `optio seeds import <file>`: takes a seed out of a file, as a new one. */
export async function importSeedCommand(
  [file = '']: readonly string[],
  options: ImportSeedOptions,
  context: CommandContext,
): Promise<number> {
  const { cwd, interrupts, places, stderr } = context;
  const path = resolve(cwd, file);
  await readable(path);
  const take = (opened: Pick<OpenedStore, 'store' | 'cipher'>) =>
    opencodeSeeds(opened).importFile({
      file: readSeedFile(path),
      abortSignal: interrupts.abortSignal,
      ...(options.label === undefined ? {} : { label: options.label }),
      ...(options.acceptCode === true && { acceptCode: true }),
    });
  await rehearse(places, take);
  await using opened = await openStore(places);
  if (opened.isNew) stderr.write(`${newKeyNotice(places)}\n`);
  const seed = await take(opened);
  printFacts(context, seed, { json: options.json, facts: factsOf(seed) });
  return EXIT_CODES.done;
}

function cipherFor(recipients: readonly string[]): ReturnType<typeof ageCipher> {
  try {
    return ageCipher({ recipients, identities: [] });
  } catch (error) {
    throw new WorkerError('REFUSED', `--for takes public keys of age (age1…): ${messageOf(error)}`, { cause: error });
  }
}

function absolute(path: string): string {
  if (path.startsWith('/')) return path;
  throw new WorkerError('REFUSED', 'the home on another machine is an absolute path');
}

async function homeOf(host: Host, abortSignal: AbortSignal): Promise<string> {
  return (await probeHost(host, { abortSignal })).home;
}

async function readable(path: string): Promise<void> {
  try {
    await using file = await open(path);
    if (!(await file.stat()).isFile()) throw new Error('it is not a file');
  } catch (error) {
    throw new WorkerError('REFUSED', `cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}
