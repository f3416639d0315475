import { describe, expect, it } from 'vitest';

import { hostKeyAlgorithms } from './dial.ts';

describe('hostKeyAlgorithms', () => {
  it('offers the strong ones in their usual order when nothing is known', () => {
    expect(hostKeyAlgorithms([])).toEqual([
      'ssh-ed25519',
      'ecdsa-sha2-nistp256',
      'ecdsa-sha2-nistp384',
      'ecdsa-sha2-nistp521',
      'rsa-sha2-512',
      'rsa-sha2-256',
    ]);
  });

  it('offers what is known first, and keeps the rest so that another key can be named in the refusal', () => {
    expect(hostKeyAlgorithms(['ssh-rsa', 'sk-ssh-ed25519@openssh.com', 'ssh-ed25519'])).toEqual([
      'rsa-sha2-512',
      'rsa-sha2-256',
      'ssh-ed25519',
      'ecdsa-sha2-nistp256',
      'ecdsa-sha2-nistp384',
      'ecdsa-sha2-nistp521',
    ]);
  });
});
