import { describe, expect, it } from 'vitest';

import { printList } from './output.ts';

function print(stream: object): string {
  let printed = '';
  const stdout = { ...stream, write: (text: string) => (printed += text) } as never;
  const items = [
    { name: 'a', message: 'a long story' },
    { name: 'bc', message: '' },
  ];
  printList({ stdout }, items, { json: false, isCut: true, columns: ({ message, name }) => [name, message] });
  return printed;
}

describe('printList', () => {
  it('cuts rows to the width of a terminal, and nowhere else', () => {
    expect(print({ isTTY: true, columns: 10 })).toBe('a   a lon…\nbc\n');
    expect(print({ isTTY: true, columns: 80 })).toBe('a   a long story\nbc\n');
    expect(print({ columns: 10 })).toBe('a   a long story\nbc\n');
    // One that nobody told its size, as of `script` or `docker exec -t`.
    expect(print({ isTTY: true, columns: 0 })).toBe('a   a long story\nbc\n');
  });
});
