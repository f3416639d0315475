import { readFile } from 'node:fs/promises';

import { describe, expect, it } from 'vitest';

import { KNOWN_FIELDS, taskFileJsonSchema } from './task-file-schema.ts';

describe('taskFileJsonSchema', () => {
  it('is what is published (else: pnpm --filter @optio-ts/worker schema)', async () => {
    const published = JSON.parse(await readFile(new URL('../../task.schema.json', import.meta.url), 'utf8')) as unknown;
    expect(published).toEqual(JSON.parse(JSON.stringify(taskFileJsonSchema())));
  });

  it('describes every field', () => {
    const { properties } = taskFileJsonSchema() as {
      properties: Record<string, { description?: string; properties?: Record<string, { description?: string }> }>;
    };
    for (const field of Object.values(properties)) expect(field.description).toMatch(/\.$/);
    for (const field of Object.values(properties['model']?.properties ?? {})) expect(field.description).toMatch(/\.$/);
    expect(Object.keys(properties['model']?.properties ?? {})).toEqual(KNOWN_FIELDS['model']);
  });
});
