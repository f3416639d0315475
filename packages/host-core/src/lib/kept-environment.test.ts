import { describe, expect, it } from 'vitest';

import { DEFAULT_KEPT_ENVIRONMENT } from './kept-environment.ts';

describe('DEFAULT_KEPT_ENVIRONMENT', () => {
  it('lets neither the home nor credentials through', () => {
    for (const name of ['HOME', 'PATH', 'SSH_AUTH_SOCK', 'AWS_SECRET_ACCESS_KEY', 'MONGO_URL', '*']) {
      expect(DEFAULT_KEPT_ENVIRONMENT).not.toContain(name);
    }
  });
});
