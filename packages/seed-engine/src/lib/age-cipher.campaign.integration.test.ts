import { startCampaign } from '@optio-ts/testkit';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { beforeAll, describe, expect, it } from 'vitest';

import { ageCipher } from './age-cipher.ts';
import type { Cipher } from './cipher.ts';
import { DecryptError } from './errors.ts';
import { noise, readAll, stream } from './testing/contract-case.ts';

// Two pieces of payload: the samples are the header with what follows it, the first piece's middle, the end.
const plain = noise(65_536 + 6000);
const sampleBytes = 4096;

describe('what ageCipher sealed', { timeout: 3_600_000 }, () => {
  let cipher: Cipher;
  let sealed: Buffer;

  beforeAll(async () => {
    const identity = await generateX25519Identity();
    cipher = ageCipher({ recipients: [await identityToRecipient(identity)], identities: [identity] });
    sealed = await readAll(cipher.encrypt(stream(plain)));
    expect((await readAll(cipher.decrypt(stream(sealed)))).equals(plain)).toBe(true);
  });

  /** How it is opened: the error's name, or that it was taken. */
  async function opening(bytes: Uint8Array): Promise<string> {
    try {
      await readAll(cipher.decrypt(stream(bytes)));
      return 'opened';
    } catch (error) {
      return DecryptError.is(error) ? 'refused' : String(error);
    }
  }

  it('is refused with any bit flipped in its header, body and tail', async () => {
    const starts = [0, 40_000, sealed.length - sampleBytes];
    const all = starts.length * sampleBytes * 8;
    const campaign = startCampaign('flip a bit of what age sealed', { sample: 600, full: all });
    for (let round = 0; round < campaign.rounds; round += 1) {
      // Of the full count, every bit once.
      const bit = campaign.rounds === all ? round : Math.floor(campaign.random() * all);
      const position = (starts[Math.floor(bit / (sampleBytes * 8))] ?? 0) + (Math.floor(bit / 8) % sampleBytes);
      const changed = Buffer.from(sealed);
      changed[position] = (changed[position] ?? 0) ^ (1 << (bit % 8));
      expect(await opening(changed), `bit ${bit % 8} of byte ${position}`).toBe('refused');
    }
  });

  it('is refused when it is cut short anywhere', async () => {
    const campaign = startCampaign('cut short what age sealed', { sample: 600, full: sealed.length });
    for (let round = 0; round < campaign.rounds; round += 1) {
      const length = campaign.rounds === sealed.length ? round : Math.floor(campaign.random() * sealed.length);
      expect(await opening(sealed.subarray(0, length)), `${length} bytes`).toBe('refused');
    }
  });
});
