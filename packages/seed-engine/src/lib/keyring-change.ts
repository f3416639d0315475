import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { armor, Encrypter } from 'age-encryption';

import { ageCipher } from './age-cipher.ts';
import { SeedEngineError } from './errors.ts';
import { appendIdentity, readIdentities } from './identity-file.ts';
import { changeKeyring, readKeyring, type KeyringRecord } from './keyring-document.ts';
import type { Store } from './store.ts';

/** A store, and this user's keys to it. */
export interface KeyringPlace {
  readonly store: Store;
  /** The identity file. */
  readonly identityPath: string;
}

/** One key that can open what a store holds. */
export interface KeyInfo {
  /** Public: `age1…`. */
  readonly recipient: string;
  /** Its secret half is in the identity file. */
  readonly isOwn: boolean;
  /** Nothing is sealed for it any more, but something that was may be left: see `rotateStore`. */
  readonly isRetiring: boolean;
}

/** The keys of a store, those that are retiring last. */
export async function listKeys({ store, identityPath }: KeyringPlace): Promise<readonly KeyInfo[]> {
  const own = (await readIdentities(resolve(identityPath)))?.recipients ?? [];
  const { recipients, retiring } = (await readKeyring(store)) ?? { recipients: [], retiring: [] };
  const info = (isRetiring: boolean) => (recipient: string) => ({
    recipient,
    isOwn: own.includes(recipient),
    isRetiring,
  });
  return [...recipients.map(info(false)), ...retiring.map(info(true))];
}

/**
 * Lets one more key open what a store holds: what is sealed from now on. What is there already follows with `rotateStore`.
 * Throws `TypeError` for what is no recipient, and `KEY_MISSING` for a store without keys.
 */
export async function addRecipient({
  store,
  recipient,
}: Pick<KeyringPlace, 'store'> & { readonly recipient: string }): Promise<KeyringRecord> {
  ageCipher({ recipients: [recipient], identities: [] });
  return changeKeyring(store, ({ recipients, retiring }) => {
    if (recipients.includes(recipient)) return undefined;
    return { recipients: [...recipients, recipient], retiring: retiring.filter((other) => other !== recipient) };
  });
}

/**
 * Seals nothing for a key from now on; it is retiring until `rotateStore` has sealed all anew, and can open until then what it
 * could before. Throws `KEY_REFUSED` for an unknown one, for the last one, and where nobody with this identity file could
 * open what is sealed from then on.
 */
export async function removeRecipient({
  store,
  identityPath,
  recipient,
}: KeyringPlace & { readonly recipient: string }): Promise<KeyringRecord> {
  const own = (await readIdentities(resolve(identityPath)))?.recipients ?? [];
  return changeKeyring(store, ({ recipients, retiring }) => {
    const refused = (why: string): SeedEngineError =>
      new SeedEngineError('KEY_REFUSED', `Cannot remove ${recipient} from ${store.description}: ${why}`);
    if (!recipients.includes(recipient)) {
      if (retiring.includes(recipient)) return undefined;
      throw refused('it is none of its recipients');
    }
    const left = recipients.filter((other) => other !== recipient);
    if (left.length === 0) throw refused('it is the last one; put a new key in its place (replaceIdentity) and rotate');
    if (!left.some((other) => own.includes(other))) {
      throw refused(
        `${identityPath} could not open what is sealed for the others; put a new key in its place (replaceIdentity) and rotate`,
      );
    }
    return { recipients: left, retiring: [...retiring, recipient] };
  });
}

/**
 * Makes a new key in the identity file, beside those that are there, and puts it in the place of all of them: they are
 * retiring until `rotateStore` has sealed all anew. Called again after it was interrupted, it goes on. Returns the new
 * recipient.
 */
export async function replaceIdentity({ store, identityPath }: KeyringPlace): Promise<string> {
  const path = resolve(identityPath);
  const record = await readKeyring(store);
  const keys = await readIdentities(path);
  const isKnown = (recipient: string): boolean =>
    [record?.recipients, record?.retiring, record?.retired].some((list) => list?.includes(recipient) === true);
  if (keys === undefined || !keys.recipients.some(isKnown)) {
    throw new SeedEngineError('KEY_MISSING', `${path} holds no key of ${store.description}`);
  }
  // One that is in the file and that nobody seals for was made by a call that did not come to its end.
  const recipient = keys.recipients.find((other) => !isKnown(other)) ?? (await appendIdentity(path));
  // With what another call has put into the file meanwhile.
  const own = (await readIdentities(path))?.recipients ?? [];
  await changeKeyring(store, ({ recipients, retiring }) => {
    const others = recipients.filter((other) => other !== recipient && !own.includes(other));
    const old = recipients.filter((other) => other !== recipient && own.includes(other));
    return { recipients: [...others, recipient], retiring: [...new Set([...retiring, ...old])] };
  });
  return recipient;
}

/**
 * A copy of the identity file, to be kept elsewhere. With a passphrase it is sealed in age's own format, armored:
 * `age --decrypt` asks for the passphrase and gives the identity file back. Throws `KEY_MISSING` and `KEY_REFUSED`.
 */
export async function exportIdentity({
  identityPath,
  passphrase,
  workFactor = 18,
}: Pick<KeyringPlace, 'identityPath'> & {
  readonly passphrase?: string;
  /** How hard guessing the passphrase is, as a power of two; 18 is age's own. @default 18 */
  readonly workFactor?: number;
}): Promise<string> {
  const path = resolve(identityPath);
  if (passphrase === '') throw new TypeError('The passphrase is empty');
  // Checked as for every other use.
  if ((await readIdentities(path)) === undefined) {
    throw new SeedEngineError('KEY_MISSING', `There is no identity file ${path}`);
  }
  const text = await readFile(path, 'utf8');
  if (passphrase === undefined) return text;
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return armor.encode(await encrypter.encrypt(text));
}

/** The recipients of a store, one a line: what `age --recipients-file` reads. */
export async function exportRecipients(store: Store): Promise<string> {
  const { recipients } = (await readKeyring(store)) ?? { recipients: [] };
  return recipients.map((recipient) => `${recipient}\n`).join('');
}
