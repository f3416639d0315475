import { createHash } from 'node:crypto';

import type { Cipher } from './cipher.ts';
import type { Store, StoredBlob, WriteBlobOptions } from './store.ts';

/** A blob that was sealed and written, and how. */
export interface SealedBlob extends StoredBlob {
  /** The name of the cipher. */
  readonly cipher: string;
  /** For whom, see `recipientsId`; absent where the cipher knows no recipients. */
  readonly sealedFor?: string;
}

/** Seals a stream and writes it as a blob: for one set of recipients, which is recorded beside it. */
export async function sealBlob(store: Store, cipher: Cipher, options: WriteBlobOptions): Promise<SealedBlob> {
  let fixed = cipher;
  // Recipients are asked for once the upload is announced: a rotation that counts no upload may forget the old ones.
  async function* sealed(): AsyncGenerator<Uint8Array> {
    fixed = await fixCipher(cipher);
    yield* fixed.encrypt(options.content);
  }
  const blob = await store.writeBlob({ ...options, content: sealed() });
  return { ...blob, ...sealingOf(fixed) };
}

/** What to seal with now. Its recipients do not change. */
export async function fixCipher(cipher: Cipher): Promise<Cipher> {
  return (await cipher.current?.()) ?? cipher;
}

/** What documents record of a sealing. The cipher must be a fixed one. */
export function sealingOf(fixed: Cipher): { readonly cipher: string; readonly sealedFor?: string } {
  const sealedFor = recipientsId(fixed);
  return { cipher: fixed.name, ...(sealedFor === undefined ? {} : { sealedFor }) };
}

/** Names a set of recipients: 16 hex digits, the same for any order. `undefined` where there are none. */
function recipientsId({ recipients = [] }: Cipher): string | undefined {
  if (recipients.length === 0) return undefined;
  const lines = [...new Set(recipients)].sort().join('\n');
  return createHash('sha256').update(lines).digest('hex').slice(0, 16);
}
