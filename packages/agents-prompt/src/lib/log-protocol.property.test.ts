import { expect, it } from 'vitest';

import { KEYWORDS } from './keywords.ts';
import type { LogEntry } from './log-entry.ts';
import { createLogProtocol } from './log-protocol.ts';

const ROUNDS = Number(process.env['OPTIO_PROPERTY_ROUNDS'] ?? 100_000);
const SEED = Number(process.env['OPTIO_PROPERTY_SEED'] ?? Math.trunc(Math.random() * 2 ** 32));

/** mulberry32: small, and the same everywhere for a seed. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PIECES: readonly string[] = [
  '% , 50% ,",\\,{"a":[1]},[,],{,./,../,/,NaN, ,  ,`,**,é,٣%'.split(','),
  ['\0', '\r', '\n', '\t', '\u001b[0m', '\u001b]0;', '\u0085', '\u00a0', '\u2028', '\ufeff', '\ud83d', '\ude00'],
  ['x'.repeat(300)],
  KEYWORDS.flatMap(({ name, examples }) => [name, `${name}:`, ...examples.map(({ line }) => line)]),
].flat();

// Not \S: for JavaScript U+FEFF is white space, for the grammar it is not.
const SPACELESS = /^[^ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+$/;

function checkEntry(entry: LogEntry): string | undefined {
  const texts = Object.entries(entry).flatMap(([key, value]) =>
    key !== 'data' && typeof value === 'string' ? [value] : [],
  );
  // oxlint-disable-next-line no-control-regex -- control characters must not be there
  if (texts.some((text) => /[\u0000-\u0008\n-\u001f\u007f-\u009f\u2028\u2029]/.test(text))) return 'control character';
  if (texts.some((text) => !text.isWellFormed())) return 'lone surrogate';
  switch (entry.type) {
    case 'status': {
      const { percent } = entry;
      const isPercent = percent === undefined || (Number.isInteger(percent) && percent >= 0 && percent <= 100);
      return isPercent ? undefined : 'percent';
    }
    case 'deliverable':
      return entry.path === '' || entry.path.startsWith('./') ? 'path' : undefined;
    case 'done':
      return entry.summary === '' ? 'summary' : undefined;
    case 'error':
      return entry.message === '' ? 'message' : undefined;
    case 'browser':
      return entry.url === '' ? 'url' : undefined;
    case 'attention':
      return entry.reason === '' ? 'reason' : undefined;
    case 'domain-message':
      JSON.stringify(entry.data);
      return SPACELESS.test(entry.keyword) && entry.data !== undefined ? undefined : 'domain message';
    case 'unknown':
      return undefined;
    default:
      return 'type';
  }
}

it(
  `reads ${ROUNDS} random and mutated lines without an entry that the grammar does not allow (seed ${SEED})`,
  { timeout: 600_000 },
  () => {
    const random = createRandom(SEED);
    const pick = <T>(list: ArrayLike<T>): T => list[Math.trunc(random() * list.length)] as T;
    const protocols = (['ignore', 'suppress', 'redirect'] as const).map((browser) => createLogProtocol({ browser }));
    const seen = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      let line = Array.from({ length: 1 + Math.trunc(random() * 5) }, () => pick(PIECES)).join('');
      for (let change = Math.trunc(random() * 3); change > 0; change -= 1) {
        const at = Math.trunc(random() * line.length);
        const inserted = random() < 0.5 ? String.fromCharCode(Math.trunc(random() * 0x10000)) : '';
        line = line.slice(0, at) + inserted + line.slice(at + Math.trunc(random() * 3));
      }
      const protocol = pick(protocols);
      const entry = protocol.parseLine(line, { isTruncated: random() < 0.05 });
      const wrong = checkEntry(entry);
      if (wrong !== undefined)
        expect.fail(`${wrong} in ${JSON.stringify(entry)} of ${JSON.stringify(line)} (seed ${SEED})`);
      if (entry.type === 'browser' && protocol.browser !== 'redirect') expect.fail(`browser entry (seed ${SEED})`);
      seen.add(entry.type);
    }
    expect([...seen].toSorted()).toEqual([
      'attention',
      'browser',
      'deliverable',
      'domain-message',
      'done',
      'error',
      'status',
      'unknown',
    ]);
  },
);
