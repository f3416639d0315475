import { describe, expect, it } from 'vitest';

import { formatJson, hasLogin, modelOf, parseObject, withModel } from './config.ts';

describe('parseObject', () => {
  it('takes an object and nothing else', () => {
    expect(parseObject('{"a":1}')).toEqual({ a: 1 });
    for (const text of [undefined, '', '{', '[]', 'null', '"a"', '7']) {
      expect(parseObject(text)).toBeUndefined();
    }
  });
});

describe('modelOf', () => {
  it('takes a text that is not empty', () => {
    expect(modelOf({ model: 'openai/gpt-5' })).toBe('openai/gpt-5');
    for (const config of [undefined, {}, { model: '' }, { model: ' ' }, { model: 7 }]) {
      expect(modelOf(config)).toBeUndefined();
    }
  });
});

describe('withModel', () => {
  it('keeps every other key', () => {
    expect(withModel({ theme: 'dark', model: 'a/b' }, 'c/d')).toEqual({
      theme: 'dark',
      model: 'c/d',
    });
    expect(withModel(undefined, 'c/d')).toEqual({ model: 'c/d' });
  });
});

describe('formatJson', () => {
  it('indents by two', () => {
    expect(formatJson({ model: 'a/b' })).toBe('{\n  "model": "a/b"\n}\n');
  });
});

describe('hasLogin', () => {
  it('wants at least one entry', () => {
    expect(hasLogin({ openai: { type: 'api', key: 'k' } })).toBe(true);
    for (const auth of [undefined, {}, { openai: null }, { openai: 'k' }, { openai: [] }]) {
      expect(hasLogin(auth)).toBe(false);
    }
  });
});
