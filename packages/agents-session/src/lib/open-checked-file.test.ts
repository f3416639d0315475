import { expect, it } from 'vitest';

import { describeRefusal } from './open-checked-file.ts';

it('says in words why a file is refused, and how much too large it is', () => {
  const words = (['not-found', 'not-a-file', 'outside-workdir', 'outside-deliverables', 'unreadable'] as const).map(
    (refusal) => describeRefusal(refusal, 10),
  );
  expect(words).toEqual([
    'not found',
    'not a regular file',
    'invalid deliverable path, it leads out of the workdir',
    'not under deliverables/',
    'cannot be opened for reading',
  ]);
  expect(describeRefusal('too-large', 10, 11)).toBe('11 bytes, more than the 10 bytes that are allowed');
  expect(describeRefusal('too-large', 10)).toBe('larger than the 10 bytes that are allowed');
});
