import { resolve } from 'node:path';

import { ageCipher } from './age-cipher.ts';
import type { Cipher } from './cipher.ts';
import { SeedEngineError } from './errors.ts';
import { createIdentityFile, readIdentities, type Identities } from './identity-file.ts';
import { readKeyring, recordRecipients } from './keyring-document.ts';
import type { Store } from './store.ts';

/** Options of `openKeyring`. */
export interface OpenKeyringOptions {
  readonly store: Store;
  /** Where the secret keys are, or come to be: a file in the format of the `age` command, 0600. */
  readonly identityPath: string;
  /**
   * What to do for a store that has no recipients yet when there is no identity file: make one, or refuse with
   * `KEY_MISSING`.
   * @default 'create'
   */
  readonly missingIdentity?: 'create' | 'refuse';
}

/** The keys of a store. */
export interface Keyring {
  /** Seals for all that are recipients of the store by then, and opens with the identities of the file. */
  readonly cipher: Cipher;
  /** Absolute. */
  readonly identityPath: string;
  /** Everybody who can open what is sealed from now on, as the store records them. */
  readonly recipients: readonly string[];
  /** Nothing is sealed for these any more, but something that was may be left: see `rotateStore`. */
  readonly retiring: readonly string[];
  /**
   * The identity file was made by this call. Tell the user where it is and that losing it loses the data: there is no
   * other way to read what is sealed from now on.
   */
  readonly isNewIdentity: boolean;
  /** The store had no recipients before this call. */
  readonly isFirstUse: boolean;
}

/**
 * Finds the key of a store. The store records its recipients; a key is made only for a store that has none.
 *
 * Throws `KEY_MISSING`, with the remedy, when the store has recipients and the file holds the identity of none of
 * them, and `KEY_REFUSED` for a file that others may read or that is no identity file.
 */
export async function openKeyring({
  store,
  identityPath,
  missingIdentity = 'create',
}: OpenKeyringOptions): Promise<Keyring> {
  const path = resolve(identityPath);
  let record = await readKeyring(store);
  let keys = await readIdentities(path);
  let isNewIdentity = false;
  let isFirstUse = false;

  if (record === undefined) {
    if (keys === undefined && missingIdentity === 'create') {
      // On the disk before anything is sealed for it.
      isNewIdentity = await createIdentityFile(path);
      keys = await readIdentities(path);
    }
    if (keys === undefined) {
      throw new SeedEngineError(
        'KEY_MISSING',
        `There is no key for ${store.description}: make ${path} with age-keygen -o ${path}`,
      );
    }
    isFirstUse = await recordRecipients(store, keys.recipients);
    record = await readKeyring(store);
  }

  const known = record?.recipients ?? [];
  if (keys === undefined || !keys.recipients.some((recipient) => known.includes(recipient))) {
    throw keyMissing(store, path, known, keys);
  }
  return {
    cipher: keyringCipher(store, path, known, keys.identities),
    identityPath: path,
    recipients: known,
    retiring: record?.retiring ?? [],
    isNewIdentity,
    isFirstUse,
  };
}

/**
 * Seals for whom the store records by then: a worker that has run for long does not seal for yesterday's recipients. When they
 * change it looks for new keys in the file, which may be needed to open what it seals itself from then on.
 */
function keyringCipher(store: Store, path: string, known: readonly string[], first: readonly string[]): Cipher {
  let identities = first;
  let fixed = ageCipher({ recipients: known, identities });
  const current = async (): Promise<Cipher> => {
    const recipients = (await readKeyring(store))?.recipients ?? known;
    if (recipients.join() === fixed.recipients?.join()) return fixed;
    // Without the file it goes on with the keys that it has.
    const keys = await readIdentities(path).catch(() => undefined);
    identities = [...new Set([...identities, ...(keys?.identities ?? [])])];
    return (fixed = ageCipher({ recipients, identities }));
  };
  return {
    name: fixed.name,
    get recipients() {
      return fixed.recipients ?? [];
    },
    current,
    async *encrypt(plain) {
      yield* (await current()).encrypt(plain);
    },
    async *decrypt(sealed) {
      yield* (await current()).decrypt(sealed);
    },
  };
}

function keyMissing(
  store: Store,
  path: string,
  recipients: readonly string[],
  keys: Identities | undefined,
): SeedEngineError {
  const found = keys === undefined ? 'is not there' : 'holds another key';
  return new SeedEngineError(
    'KEY_MISSING',
    `${store.description} is encrypted for ${recipients.join(', ')}, and ${path} ${found}: ` +
      `append the line AGE-SECRET-KEY-… of one of them, from the identity file of whoever uses this store, and keep it 0600`,
  );
}
