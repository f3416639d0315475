import { createLogProtocol } from '@optio-ts/agents-prompt';

const PROTOCOL_LINES: readonly string[] = [
  'STATUS: 40% writing the tests',
  'STATUS:',
  'STATUS: 100%',
  'DELIVERABLE: ./deliverables/report.md',
  'DELIVERABLE: ../../etc/passwd',
  'DELIVERABLE: /etc/passwd',
  'DONE',
  'DONE: all green',
  'ERROR',
  'ERROR: no token',
  'BROWSER: "https://example.com/?a=1"',
  'BROWSER: javascript:alert(1)',
  'ATTENTION: which one?',
  'DOMAIN_MESSAGE: invoice {"number": 7, "nested": [[{}]]}',
  'a plain note',
  ' done.',
  '',
];

const PIECES: readonly Buffer[] = [
  ...'\r,\0,\u001b[31m,\u001b]0;title\u0007,\u0085,\u2028,\u2029,\ufeff,\u200f,\t, ,:,%,",{,[,\\,./,é,😀,٣%'.split(','),
  'STATUS:',
  'DONE',
  'DOMAIN_MESSAGE: x ',
  'BROWSER: http://',
  // No UTF-8: a byte that never is, characters that are cut, half a surrogate pair.
  Buffer.from([0xff]),
  Buffer.from([0xc3]),
  Buffer.from([0xe2, 0x80]),
  Buffer.from([0xf0, 0x9f, 0x98]),
  Buffer.from([0xed, 0xa0, 0x80]),
].map((piece) => Buffer.from(piece));

/** A line of a log, as bytes without its line break: a real entry, a mutated one, noise, seldom a very long one. */
export function hostileLine(random: () => number): Buffer {
  const pick = <Item>(list: readonly Item[]): Item => list[Math.floor(random() * list.length)] as Item;
  const kind = random();
  if (kind < 0.1)
    return withoutBreaks(Buffer.from(Array.from({ length: Math.floor(random() * 60) }, () => random() * 256)));
  let line = Buffer.from(pick(PROTOCOL_LINES));
  if (kind > 0.9999)
    line = Buffer.concat([line, Buffer.alloc(Math.floor(random() * 300_000), pick(['x', '[', ' ', 'é', '"']))]);
  if (kind > 0.3) {
    for (let change = Math.floor(random() * 4); change >= 0; change -= 1) {
      const at = Math.floor(random() * (line.length + 1));
      const removed = random() < 0.4 ? Math.floor(random() * 3) : 0;
      const added = random() < 0.8 ? pick(PIECES) : Buffer.from([random() * 256]);
      line = Buffer.concat([line.subarray(0, at), added, line.subarray(at + removed)]);
    }
  }
  return withoutBreaks(line);
}

function withoutBreaks(bytes: Buffer): Buffer {
  return bytes.map((byte) => (byte === 10 ? 32 : byte)) as Buffer;
}

const protocol = createLogProtocol({ browser: 'redirect' });

/** Whether a line ends the session: then it is not written, so that the others are heard too. */
export function isVerdict(line: Buffer): boolean {
  const { type } = protocol.parseLine(line.toString('utf8'));
  return type === 'done' || type === 'error';
}
