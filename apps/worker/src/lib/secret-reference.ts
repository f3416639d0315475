import { open } from 'node:fs/promises';
import { resolve } from 'node:path';

import { messageOf } from './errors.ts';

/** What a reference to a secret looks like, for schemas. */
export const REFERENCE_PATTERN: RegExp = /^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^\n]+|key:[A-Za-z0-9][A-Za-z0-9._-]*)$/;

/** Where a secret is to be taken from. */
export type SecretReference =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  /** One of the keys that the worker's configuration names. */
  | { readonly kind: 'key'; readonly name: string };

/** A secret, or why there is none. */
export type ResolvedSecret =
  | { readonly isResolved: true; readonly value: string }
  | { readonly isResolved: false; readonly reason: string };

/** What references are resolved against. */
export interface ReferenceScope {
  /** The environment of the process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute directory that relative paths start from: that of the task file. */
  readonly directory: string;
  /** Keys of the worker's configuration, by name. @default none */
  readonly keys?: ReadonlyMap<string, ConfiguredKey>;
}

/** A key that the worker's configuration names. */
export interface ConfiguredKey {
  readonly reference: SecretReference;
  /** Absolute directory of the configuration. */
  readonly directory: string;
}

const MAX_SECRET_BYTES = 64 * 1024;

/** Reads `env:NAME`, `file:PATH` or `key:NAME`; `undefined` for anything else. */
export function parseReference(text: string): SecretReference | undefined {
  if (!REFERENCE_PATTERN.test(text)) return undefined;
  if (text.startsWith('env:')) return { kind: 'env', name: text.slice(4) };
  return text.startsWith('key:') ? { kind: 'key', name: text.slice(4) } : { kind: 'file', path: text.slice(5).trim() };
}

/** Absolute path of the file that a reference leads to, or `undefined` for a variable. */
export function referencedFile(reference: SecretReference, scope: ReferenceScope): string | undefined {
  if (reference.kind === 'env') return undefined;
  if (reference.kind === 'key') {
    const key = scope.keys?.get(reference.name);
    return key && referencedFile(key.reference, { env: scope.env, directory: key.directory });
  }
  const home = scope.env['HOME'];
  const path =
    reference.path.startsWith('~/') && home !== undefined ? `${home}${reference.path.slice(1)}` : reference.path;
  return resolve(scope.directory, path);
}

/** Fetches a secret. White space around it goes: a key file usually ends with a newline. */
export async function resolveReference(reference: SecretReference, scope: ReferenceScope): Promise<ResolvedSecret> {
  if (reference.kind === 'env') {
    const value = scope.env[reference.name]?.trim();
    return value === undefined || value === ''
      ? missing(`the environment variable ${reference.name} is not set; set it, or name another`)
      : { isResolved: true, value };
  }
  if (reference.kind === 'key') {
    const key = scope.keys?.get(reference.name);
    if (key !== undefined) return resolveReference(key.reference, { env: scope.env, directory: key.directory });
    const names = [...(scope.keys?.keys() ?? [])].join(', ');
    return missing(
      `the worker's configuration has no key ${reference.name}${names === '' ? '' : `; it has ${names}`}; add it under keys`,
    );
  }
  const path = referencedFile(reference, scope) ?? reference.path;
  try {
    await using file = await open(path);
    const stat = await file.stat();
    if (!stat.isFile()) return missing(`${path} is not a file`);
    if (stat.size > MAX_SECRET_BYTES) {
      return missing(`${path} has ${stat.size} bytes, too many for a key (limit 64 KiB)`);
    }
    const value = (await file.readFile('utf8')).trim();
    return value === '' ? missing(`${path} is empty`) : { isResolved: true, value };
  } catch (error) {
    return missing(`cannot read ${path}: ${reasonOf(error)}`);
  }
}

function missing(reason: string): ResolvedSecret {
  return { isResolved: false, reason };
}

/** Why a file operation failed, in words where the code is a common one. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file or directory';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EEXIST':
      return 'there is something else already';
    case 'EISDIR':
      return 'it is a directory';
    case 'ENOTDIR':
      return 'a part of the path is not a directory';
    case 'ENOSPC':
      return 'the disk is full';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ELOOP':
      return 'it is a symbolic link, or its links go in circles';
    default:
      return messageOf(error);
  }
}
