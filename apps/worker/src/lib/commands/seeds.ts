import { stat } from 'node:fs/promises';

import { opencodeSeeds } from '@optio-ts/opencode-seeds';
import type { Seed } from '@optio-ts/seed-engine';

import { openStore } from '../open-store.ts';
import { printableJson, printableLine } from '../printable.ts';
import type { CommandContext } from './context.ts';

/** What `optio seeds ls` can be told on the command line. */
export interface ListSeedsOptions {
  readonly json?: boolean;
}

/** `optio seeds ls`: what there is to start from, newest first. Returns the exit code. */
export async function listSeedsCommand(options: ListSeedsOptions, context: CommandContext): Promise<number> {
  const seeds = await listSeeds(context);
  for (const seed of seeds) {
    if (options.json === true) context.stdout.write(`${printableJson(seed)}\n`);
    else {
      const columns = [seed.id, seed.createdAt.toISOString().slice(0, 16), seed.model ?? '-', seed.label ?? ''];
      context.stdout.write(`${printableLine(columns.join('  '))}\n`);
    }
  }
  if (seeds.length === 0 && options.json !== true) {
    context.stderr.write('There are no seeds yet; saveSeed: true in a task file keeps one.\n');
  }
  return 0;
}

async function listSeeds(context: CommandContext): Promise<readonly Seed[]> {
  // Looking is no reason to make a store and a key.
  if (!(await exists(context.places.store))) return [];
  await using opened = await openStore(context.places);
  return await opencodeSeeds(opened).list();
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
