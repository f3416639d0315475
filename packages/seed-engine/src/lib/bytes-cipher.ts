import { collect } from './bytes.ts';
import type { Cipher } from './cipher.ts';
import { DecryptError, SeedEngineError } from './errors.ts';

/** A function from whole bytes to whole bytes, as the original's encryption hooks are. */
export type BytesHook = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** Options of `bytesCipher`. */
export interface BytesCipherOptions {
  /** Recorded in documents. `none` and `age` are taken. @default 'bytes' */
  readonly name?: string;
  readonly encrypt: BytesHook;
  /** Whatever it throws becomes a `DecryptError`. */
  readonly decrypt: BytesHook;
  /**
   * Both hooks need all of a blob in memory at once; a larger one is refused with `CIPHER_LIMIT`. @default
   * 268_435_456 (256 MiB)
   */
  readonly maxBytes?: number;
}

const defaultMaxBytes = 268_435_456;

/** A cipher out of a pair of hooks. It also opens blobs of the original, which name no cipher. */
export function bytesCipher({
  name = 'bytes',
  encrypt,
  decrypt,
  maxBytes = defaultMaxBytes,
}: BytesCipherOptions): Cipher {
  if (name === '' || name === 'none' || name === 'age') {
    throw new TypeError(`A cipher of hooks cannot be named ${JSON.stringify(name)}`);
  }
  const limit = (what: string) => (): Error =>
    new SeedEngineError(
      'CIPHER_LIMIT',
      `Cannot ${what}: the cipher ${name} needs all of a blob in memory and takes at most ${maxBytes} bytes`,
    );
  return {
    name,
    opensUnnamed: true,
    async *encrypt(plain) {
      const bytes = await collect(plain, maxBytes, limit('encrypt'));
      let sealed: Uint8Array;
      try {
        sealed = await encrypt(bytes);
      } catch (cause) {
        throw new SeedEngineError('ENCRYPT_FAILED', `The cipher ${name} failed`, { cause });
      }
      if (!isBytes(sealed)) {
        throw new SeedEngineError('ENCRYPT_FAILED', `The cipher ${name} failed: its hook ${noBytes(sealed)}`);
      }
      yield sealed;
    },
    async *decrypt(sealed) {
      const bytes = await collect(sealed, maxBytes, limit('decrypt'));
      let plain: Uint8Array;
      try {
        plain = await decrypt(bytes);
      } catch (cause) {
        throw new DecryptError(`The cipher ${name} cannot open this blob`, { cause });
      }
      if (!isBytes(plain)) {
        throw new DecryptError(`The cipher ${name} cannot open this blob: its hook ${noBytes(plain)}`);
      }
      yield plain;
    },
  };
}

/** A hook without types may return anything, and text would be taken for bytes further on. */
function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function noBytes(value: unknown): string {
  return `returned ${value === null ? 'null' : typeof value} instead of a Uint8Array`;
}
