import { describe, expect, it } from 'vitest';

import { findActiveContent } from './active-content.ts';
import type { HomeContent } from './active-content.ts';
import { planCapture } from './capture-plan.ts';
import type { CaptureRequest } from './capture-plan.ts';

const auth = { openai: { type: 'api', key: 's3cret' } };
const login: CaptureRequest = { scope: 'login', where: '/home/x on lab', acceptCode: false, before: [] };
const everything: CaptureRequest = { scope: 'everything', where: '/home/x on lab', acceptCode: false, before: [] };
const home = (content: Partial<HomeContent> = {}): HomeContent => ({
  auth,
  config: { model: 'openai/gpt-5', theme: 'dark' },
  plugins: new Map(),
  ...content,
});
const code = (value: string) => expect.objectContaining({ code: value });

describe('planCapture', () => {
  it('refuses a home without a login', () => {
    for (const missing of [undefined, {}, { openai: null }]) {
      expect(() => planCapture(home({ auth: missing }), login)).toThrow(code('LOGIN_MISSING'));
      expect(() => planCapture(home({ auth: missing }), login)).toThrow(/home\/x on lab .*: opencode auth login$/);
    }
  });

  it('refuses a home without a model, and a model that is none', () => {
    for (const config of [undefined, {}, { model: '' }, { model: 'gpt-5' }, { model: 'a/b\u001B[2J' }]) {
      expect(() => planCapture(home({ config }), login)).toThrow(code('MODEL_MISSING'));
    }
  });

  it('keeps of the configuration, with the login, only the model', () => {
    const plan = planCapture(home({ config: { model: 'a/b', mcp: { x: {} }, plugin: ['evil'] } }), login);
    expect(plan).toMatchObject({ model: 'a/b', activeContent: [] });
    expect(JSON.parse(plan.configText)).toEqual({ model: 'a/b' });
  });

  it('keeps, with the login, the configuration that the home was given', () => {
    const given = { provider: { local: { options: { baseURL: 'http://127.0.0.1:1' } } }, model: 'local/small' };
    const evil = { provider: { local: { options: { baseURL: 'http://evil' } } }, model: 'evil/model' };
    const plan = planCapture(home({ config: evil }), { ...login, config: given });
    expect(plan).toMatchObject({ model: 'local/small', activeContent: [] });
    expect(JSON.parse(plan.configText)).toEqual(given);
  });

  it('prefers the model that the session used', () => {
    const plan = planCapture(home(), { ...everything, model: 'openai/gpt-6' });
    expect(plan.model).toBe('openai/gpt-6');
    expect(JSON.parse(plan.configText)).toEqual({ model: 'openai/gpt-6', theme: 'dark' });
  });

  it('keeps code only when it is accepted, and names it either way', () => {
    const full = home({ plugins: new Map([['.config/opencode/plugins/a.js', 'd1']]) });
    expect(() => planCapture(full, everything)).toThrow(code('ACTIVE_CONTENT'));
    expect(planCapture(full, { ...everything, acceptCode: true }).activeContent).toEqual([
      '.config/opencode/plugins/a.js: a plugin',
    ]);
    expect(planCapture(full, login).activeContent).toEqual([]);
  });

  it('keeps what was in the seed that the session started from, and nothing that is new', () => {
    const plugin = (digest: string) => home({ plugins: new Map([['.config/opencode/plugins/a.js', digest]]) });
    const request = { ...everything, before: findActiveContent(plugin('d1')) };
    expect(planCapture(plugin('d1'), request).activeContent).toEqual(['.config/opencode/plugins/a.js: a plugin']);
    expect(() => planCapture(plugin('d2'), request)).toThrow(code('ACTIVE_CONTENT'));
  });

  it('tells whether the login rotates', () => {
    expect(planCapture(home(), login).isExclusive).toBe(false);
    const oauth = { openai: { type: 'oauth', refresh: 'r', access: 'a', expires: 1 } };
    expect(planCapture(home({ auth: oauth }), login).isExclusive).toBe(true);
  });

  it('does not take a login that fetches its configuration for a mere login', () => {
    const wellknown = home({ auth: { x: { type: 'wellknown', key: 'k', token: 't' } } });
    expect(() => planCapture(wellknown, login)).toThrow(code('ACTIVE_CONTENT'));
  });
});
