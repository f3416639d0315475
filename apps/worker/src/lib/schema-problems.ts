import type { z } from 'zod';

import { suggest } from './suggest.ts';
import type { FieldPath } from './yaml-source.ts';

/** A problem at a place. */
export interface FieldProblem {
  readonly path: FieldPath;
  readonly message: string;
}

/**
 * Turns what the schema found into problems, unknown fields each by itself and with the name that was meant.
 * `known` says which fields there are at a place.
 */
export function schemaProblems(
  issues: readonly z.core.$ZodIssue[],
  known: (path: FieldPath) => readonly string[],
): FieldProblem[] {
  return issues.flatMap((issue) => {
    const path = issue.path.filter((segment) => typeof segment !== 'symbol');
    return describeIssue(issue, path, known);
  });
}

function describeIssue(
  issue: z.core.$ZodIssue,
  path: FieldPath,
  known: (path: FieldPath) => readonly string[],
): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: unknownField(key, known(path)),
    }));
  }
  if (issue.code === 'invalid_key') {
    return [{ path, message: issue.issues[0]?.message ?? issue.message }];
  }
  if (issue.code === 'invalid_union' && issue.message === 'Invalid input') {
    return [{ path, message: 'holds something that JSON does not have' }];
  }
  return [{ path, message: issue.message }];
}

function unknownField(name: string, fields: readonly string[]): string {
  const meant = suggest(name, fields);
  return meant === undefined
    ? `is not a field here; there are ${fields.join(', ')}`
    : `is not a field here; did you mean ${meant}?`;
}

/**
 * A path for people: `model.apiKey`, `opencode.plugin[0]`. A name that is not a plain word is left out with all that follows:
 * where a colon or space is missing, a "name" may be somebody's key.
 */
export function formatPath(path: FieldPath): string {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (/^[$A-Za-z_][\w-]{0,40}$/.test(segment)) text += text === '' ? segment : `.${segment}`;
    else return text === '' ? '(a field)' : `${text}.(…)`;
  }
  return text;
}
