import { describe, expect, it } from 'vitest';

import { imageTypeOf, previewOf, textOf } from './preview.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

describe('previewOf', () => {
  it('shows HTML and SVG as the text they are, whatever their type says', async () => {
    for (const text of ['<script>alert(1)</script>', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>']) {
      for (const type of ['text/html', 'image/svg+xml', 'image/png']) {
        expect(await previewOf(new Blob([text], { type }))).toEqual({ type: 'text', text, isCut: false });
      }
    }
  });

  it('shows the beginning of what is long, and does not cut a character', async () => {
    const preview = await previewOf(new Blob([`a${'ä'.repeat(600_000)}`]));
    if (preview.type !== 'text') throw new Error('no text');
    expect(preview.isCut).toBe(true);
    expect(preview.text).toMatch(/^aä+$/);
  });

  it('shows no half of an image', async () => {
    const image = new Blob([new Uint8Array([0xff, 0xd8, 0xff, 0xe0])]);
    expect(await previewOf(image, false)).toEqual({ type: 'binary' });
    expect(await previewOf(new Blob(['text']), false)).toEqual({ type: 'text', text: 'text', isCut: true });
  });

  it('shows nothing of what is neither text nor pixels', async () => {
    expect(await previewOf(new Blob([new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0])]))).toEqual({ type: 'binary' });
    expect(await previewOf(new Blob([new Uint8Array([0xff, 0xfe, 0xfd])]))).toEqual({ type: 'binary' });
  });
});

describe('imageTypeOf', () => {
  it.each([
    [[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0], 'image/png'],
    [[0xff, 0xd8, 0xff, 0xe0], 'image/jpeg'],
    [[...bytes('GIF89a')], 'image/gif'],
    [[...bytes('RIFF1234WEBPVP8 ')], 'image/webp'],
    [[...bytes('RIFF1234WAVE')], undefined],
    [[...bytes('%PDF-1.7')], undefined],
    [[...bytes('<svg')], undefined],
    [[], undefined],
  ])('recognizes %j as %s', (given, expected) => {
    expect(imageTypeOf(new Uint8Array(given))).toBe(expected);
  });
});

describe('textOf', () => {
  it('shows what turns the direction of text or moves a cursor', () => {
    expect(textOf(bytes('a\u202Eb\u001B[2J\tc\n'), false)).toBe('a�b�[2J\tc\n');
  });
});
