import { describe, expect, it } from 'vitest';

import { chooseModel, splitModel, withModel } from './model-choice.ts';

describe('chooseModel', () => {
  const all = {
    model: 'a/option',
    config: { model: 'b/config' },
    homeConfig: { model: 'c/home' },
    seedModel: 'd/seed',
  };

  it('takes the option, then the task, then the home, then the seed', () => {
    expect(chooseModel(all)).toBe('a/option');
    expect(chooseModel({ ...all, model: undefined })).toBe('b/config');
    expect(chooseModel({ ...all, model: undefined, config: undefined })).toBe('c/home');
    expect(chooseModel({ ...all, model: undefined, config: {}, homeConfig: {} })).toBe('d/seed');
    expect(
      chooseModel({ model: undefined, config: undefined, homeConfig: undefined, seedModel: undefined }),
    ).toBeUndefined();
  });
});

describe('withModel', () => {
  it('leaves no provider enabled but the model’s and those that are configured', () => {
    const config = withModel({ provider: { mine: {} } }, { provider: { home: {} } }, 'openai/gpt-5');
    expect(config).toEqual({
      model: 'openai/gpt-5',
      provider: { mine: {} },
      enabled_providers: ['openai', 'mine', 'home'],
    });
  });

  it('lets the caller say which providers are enabled', () => {
    expect(withModel({ enabled_providers: ['x', 'y'] }, undefined, 'x/m')['enabled_providers']).toEqual(['x', 'y']);
  });
});

describe('splitModel', () => {
  it('keeps the slashes of a model’s own name', () => {
    expect(splitModel('openrouter/meta/llama')).toEqual({ providerId: 'openrouter', modelId: 'meta/llama' });
  });
});
