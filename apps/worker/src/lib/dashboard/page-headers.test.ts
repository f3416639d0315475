import { describe, expect, it } from 'vitest';

import { attachmentOf } from './page-headers.ts';

describe('attachmentOf', () => {
  it.each([
    ['report.md', 'report.md'],
    ['data/numbers.csv', 'numbers.csv'],
    ['a"; filename=evil.html', 'a%22%3B%20filename%3Devil.html'],
    ['a\r\nSet-Cookie: x=1', 'a%0D%0ASet-Cookie%3A%20x%3D1'],
    ["it's (1)*.html", 'it%27s%20%281%29%2A.html'],
    ['Übersicht.pdf', '%C3%9Cbersicht.pdf'],
    ['\uD800', '%EF%BF%BD'],
  ])('names %j', (name, encoded) => {
    expect(attachmentOf(name)).toBe(`attachment; filename="deliverable"; filename*=UTF-8''${encoded}`);
  });
});
