import { link, open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';

import {
  addRecipient,
  exportIdentity,
  exportRecipients,
  listKeys,
  openKeyring,
  removeRecipient,
  replaceIdentity,
} from '@optio-ts/seed-engine';
import type { KeyInfo } from '@optio-ts/seed-engine';

import { WorkerError, messageOf } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { connectStore, openWithoutKey } from '../open-store.ts';
import { printFacts, printList } from '../output.ts';
import { isMongoUrl } from '../places.ts';
import { parseReference, reasonOf, resolveReference } from '../secret-reference.ts';
import type { CommandContext } from './context.ts';

/** What commands about keys can be told. */
export interface KeysOptions {
  readonly json?: boolean;
}

/** `optio keys show`: who can open what the store holds. */
export async function showKeysCommand(
  _args: readonly string[],
  { json }: KeysOptions,
  { places, ...context }: CommandContext,
): Promise<number> {
  const { close, store } = await openWithoutKey(places);
  try {
    const keys = await listKeys({ store, identityPath: places.identity });
    printList(context, keys, {
      json,
      columns: ({ isOwn, isRetiring, recipient }) => [
        recipient,
        isOwn ? 'own' : 'of others',
        isRetiring ? 'retiring: optio seeds rotate seals for the others' : '',
      ],
    });
    if (json !== true) {
      context.stderr.write(
        keys.length === 0
          ? `${isMongoUrl(places.store) ? store.description : places.store} has no keys yet.\n`
          : `Own keys are in ${places.identity}; keep a copy of it elsewhere.\n`,
      );
    }
    return EXIT_CODES.done;
  } finally {
    await close();
  }
}

/** `optio keys new`: the first key of a store, or a new one in the place of this machine's own. */
export async function newKeyCommand(
  _args: readonly string[],
  { json }: KeysOptions,
  { places, ...context }: CommandContext,
): Promise<number> {
  const { close, store } = await connectStore(places.store);
  try {
    const place = { store, identityPath: places.identity };
    const isFirst = (await listKeys(place)).length === 0;
    const recipient = isFirst ? ((await openKeyring(place)).recipients[0] ?? '') : await replaceIdentity(place);
    printFacts(
      context,
      { recipient, identityPath: places.identity, isFirst },
      {
        json,
        facts: [
          ['key', recipient],
          ['file', places.identity],
        ],
      },
    );
    if (json !== true) {
      context.stderr.write(
        isFirst
          ? 'Keep a copy of the file elsewhere: without it nobody can read what the store will hold.\n'
          : 'What is in the store is sealed for the old one still; optio seeds rotate seals it anew.\n',
      );
    }
    return EXIT_CODES.done;
  } finally {
    await close();
  }
}

/** `optio keys add <age1…>`: one more who can open what is sealed from now on. */
export async function addKeyCommand(
  [recipient = '']: readonly string[],
  { json }: KeysOptions,
  context: CommandContext,
): Promise<number> {
  return changeKeys(context, json, async (place) => {
    await addRecipient({ ...place, recipient });
    return 'What is in the store already follows with optio seeds rotate.';
  });
}

/** `optio keys remove <age1…>`: nothing is sealed for it from now on. */
export async function removeKeyCommand(
  [recipient = '']: readonly string[],
  { json }: KeysOptions,
  context: CommandContext,
): Promise<number> {
  return changeKeys(context, json, async (place) => {
    refuseRemoval(recipient, await listKeys(place));
    await removeRecipient({ ...place, recipient });
    return 'It can still open what was sealed for it; optio seeds rotate seals that anew.';
  });
}

function refuseRemoval(recipient: string, keys: readonly KeyInfo[]): void {
  if (!keys.some((key) => key.recipient === recipient)) {
    throw new WorkerError('NOT_FOUND', `there is no key ${recipient}; optio keys show lists those of the store`);
  }
  const left = keys.filter((key) => key.recipient !== recipient && !key.isRetiring);
  const remedy = 'optio keys new puts another one in its place';
  if (left.length === 0) throw new WorkerError('REFUSED', `${recipient} is the only key of the store; ${remedy}`);
  if (!left.some(({ isOwn }) => isOwn)) {
    throw new WorkerError('REFUSED', `${recipient} is the only one that you have yourself; ${remedy}`);
  }
}

/** What `optio keys export` can be told. */
export interface ExportKeysOptions extends KeysOptions {
  readonly public?: boolean;
  readonly output?: string;
  readonly passphrase?: string;
}

/** `optio keys export`: a copy of this machine's key, or the public keys of the store. */
export async function exportKeysCommand(
  _args: readonly string[],
  options: ExportKeysOptions,
  context: CommandContext,
): Promise<number> {
  const { cwd, env, places, stdout } = context;
  let text: string;
  if (options.public === true) {
    const { close, store } = await openWithoutKey(places);
    try {
      text = await exportRecipients(store);
    } finally {
      await close();
    }
  } else {
    const reference = options.passphrase === undefined ? undefined : parseReference(options.passphrase);
    if (options.passphrase !== undefined && reference === undefined) {
      throw new WorkerError(
        'REFUSED',
        '--passphrase takes a reference, env:NAME or file:PATH, and not the passphrase itself',
      );
    }
    const passphrase =
      reference && (await resolveReference(reference, { env, directory: cwd, keys: context.config.keys }));
    if (passphrase !== undefined && !passphrase.isResolved)
      throw new WorkerError('REFUSED', `--passphrase: ${passphrase.reason}`);
    text = await exportIdentity({
      identityPath: places.identity,
      ...(passphrase?.isResolved === true && { passphrase: passphrase.value }),
    });
  }
  if (options.output === undefined) {
    stdout.write(text);
    return EXIT_CODES.done;
  }
  const path = resolve(cwd, options.output);
  await writePrivately(path, text);
  printFacts(context, { type: 'exported', path }, { json: options.json, facts: [['exported', path]] });
  return EXIT_CODES.done;
}

async function changeKeys(
  { places, ...context }: CommandContext,
  json: boolean | undefined,
  change: (place: {
    readonly store: Awaited<ReturnType<typeof openWithoutKey>>['store'];
    readonly identityPath: string;
  }) => Promise<string>,
): Promise<number> {
  const { close, store } = await openWithoutKey(places);
  try {
    const place = { store, identityPath: places.identity };
    const note = await change(place).catch((error: unknown) => {
      if (!(error instanceof TypeError)) throw error;
      throw new WorkerError('REFUSED', `not a public key of age (age1…): ${messageOf(error)}`, { cause: error });
    });
    if (json === true) printList(context, await listKeys(place), { json, columns: () => [] });
    else context.stderr.write(`${note}\n`);
    return EXIT_CODES.done;
  } finally {
    await close();
  }
}

/** A new file, 0600. One that is there is left as it is. */
async function writePrivately(path: string, text: string): Promise<void> {
  const temporary = `${path}.part`;
  try {
    await using file = await open(temporary, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
    await link(temporary, path);
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new WorkerError(
      'REFUSED',
      `cannot write ${path}: ${isThere ? 'there is such a file already; name another' : reasonOf(error)}`,
      { cause: error },
    );
  } finally {
    await rm(temporary, { force: true });
  }
}
