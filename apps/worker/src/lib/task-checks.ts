import { randomBytes } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { isSecretVariable, separateConfigSecrets } from './config-secrets.ts';
import type { WorkerConfig } from './config/worker-config.ts';
import { parseDuration } from './duration.ts';
import { parseFilesSource } from './files-source.ts';
import type { FilesSource } from './files-source.ts';
import { modelSettings } from './model-settings.ts';
import type { ApiLogin } from './model-settings.ts';
import { isInside } from './paths.ts';
import type { FieldProblem } from './schema-problems.ts';
import { parseReference, reasonOf, referencedFile, resolveReference } from './secret-reference.ts';
import type { SecretReference } from './secret-reference.ts';
import { NEVER_LITERAL, NO_DURATION } from './task-file-schema.ts';
import type { TaskFileFields } from './task-file-schema.ts';
import type { TaskDefinition } from './task.ts';
import type { FieldPath } from './yaml-source.ts';

/** What `checkTask` works with. */
export interface CheckTaskOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute directory of the task file. */
  readonly directory: string;
  /** Absolute directory that the default output directory is made in. */
  readonly cwd: string;
  /** Absolute directory for default output directories. @default `optio-out` in `cwd` */
  readonly outputRoot?: string;
  /** What the worker's configuration names. @default nothing */
  readonly config?: Pick<WorkerConfig, 'keys' | 'hooks' | 'path'>;
  /**
   * `queue`: the task came out of a queue, from somebody who is not the user of this machine. It may name keys, hooks and
   * repositories, and nothing by its path or variable. `submit`: one that goes there; what the worker will have is not known here.
   * @default 'file'
   */
  readonly origin?: 'file' | 'queue' | 'submit';
  /** Its `files` are not read any more. @default false */
  readonly isResumed?: boolean;
  /** The task file's name without its extension. */
  readonly defaultName: string;
  readonly now: Date;
  /** What the schema found. What is found here is added. */
  readonly problems: FieldProblem[];
}

/**
 * Checks what a schema cannot: that what a task names is there, and that its fields go together. Fields that the schema
 * refused are passed over, so that all problems of a file come out at once. Returns a task only when there are none.
 */
export async function checkTask(value: unknown, options: CheckTaskOptions): Promise<TaskDefinition | undefined> {
  const { config, problems } = options;
  const isQueued = options.origin === 'queue' || options.origin === 'submit';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = sound(value as Partial<TaskFileFields>, problems);
  const refuse = (path: FieldPath, message: string): undefined => {
    problems.push({ path, message });
  };

  const files = await checkFiles(fields.files, options, refuse);
  const fetchSecret = async (path: FieldPath, reference: SecretReference): Promise<string | undefined> => {
    if (isQueued && reference.kind !== 'key') {
      return refuse(path, "a queued task names keys of the worker's configuration alone; write key:NAME");
    }
    // Nobody here knows it; its place is taken so that all else is checked.
    if (options.origin === 'submit') return reference.kind;
    const scope = { ...options, ...(config && { keys: config.keys }) };
    const keyFile = referencedFile(reference, scope);
    if (keyFile !== undefined && files?.kind === 'directory' && isInside(files.path, await realPathOf(keyFile))) {
      return refuse(path, 'names a file inside `files`, where the agent would find it; keep it elsewhere');
    }
    const secret = await resolveReference(reference, scope);
    return secret.isResolved ? secret.value : refuse(path, secret.reason);
  };

  const separated = separateConfigSecrets(fields.opencode ?? {});
  for (const { message, path } of separated.problems) refuse(['opencode', ...path], message);
  const keys = separated.keys.map((key) => ({
    ...key,
    path: ['opencode', ...key.path] as FieldPath,
  }));
  const modelKey = parseReference(fields.model?.apiKey ?? '');
  if (fields.model !== undefined && modelKey !== undefined) {
    keys.push({ path: ['model', 'apiKey'], provider: fields.model.provider, reference: modelKey });
  }
  const login: Record<string, ApiLogin> = {};
  for (const { path, provider, reference } of keys) {
    const key = await fetchSecret(path, reference);
    if (key !== undefined) login[provider] = { type: 'api', key };
  }

  const env: Record<string, string> = {};
  for (const [name, text] of Object.entries(fields.env ?? {})) {
    const reference = parseReference(text);
    if (reference === undefined && isSecretVariable(name)) refuse(['env', name], NEVER_LITERAL);
    const variable = reference === undefined ? text : await fetchSecret(['env', name], reference);
    if (variable !== undefined) env[name] = variable;
  }

  const hooks = checkHooks(fields.hooks, options, refuse);
  if (isQueued && fields.deliverables !== undefined) {
    refuse(['deliverables'], 'a queued task is delivered where the worker keeps such things; leave it out');
  }
  const deadlineMs = fields.deadline === undefined ? undefined : parseDuration(fields.deadline);
  if (fields.deadline !== undefined && deadlineMs === undefined) refuse(['deadline'], NO_DURATION);
  checkModelIsKnown(value as Partial<TaskFileFields>, refuse);
  if (problems.length > 0 || fields.task === undefined) return undefined;

  const id = fields.id ?? defaultId(options);
  const settings = fields.model === undefined ? undefined : modelSettings(fields.model);
  return {
    id,
    prompt: fields.task,
    model: settings?.model,
    homeConfig: settings?.homeConfig,
    config: fields.opencode === undefined ? undefined : separated.config,
    login: Object.keys(login).length === 0 ? undefined : login,
    host: fields.host,
    hooks,
    files,
    env: fields.env === undefined ? undefined : env,
    deadlineMs,
    seedId: fields.seed,
    saveSeed: saveSeedOf(fields.saveSeed),
    outputDirectory:
      fields.deliverables === undefined
        ? join(options.outputRoot ?? join(options.cwd, 'optio-out'), id)
        : resolve(options.directory, fields.deliverables),
    confine: fields.confine,
  };
}

/** The fields without those that have a problem, as a whole or in a part. */
function sound(value: Partial<TaskFileFields>, problems: readonly FieldProblem[]): Partial<TaskFileFields> {
  const broken = new Set(problems.map((problem) => problem.path[0]));
  return Object.fromEntries(Object.entries(value).filter(([name]) => !broken.has(name)));
}

function checkModelIsKnown(value: Partial<TaskFileFields>, refuse: (path: FieldPath, message: string) => void): void {
  const { env, model, opencode, seed } = value;
  if (seed !== undefined) return;
  if (model === undefined) {
    if (opencode !== undefined && 'model' in Object(opencode)) return;
    refuse(['model'], 'is missing: say which model answers, or name a seed that brings one');
    return;
  }
  const isOpen = model?.baseUrl !== undefined || model?.provider === 'opencode';
  if (isOpen || model?.apiKey !== undefined || env !== undefined || opencode !== undefined) return;
  refuse(['model', 'apiKey'], "is missing: the provider's key, as env:NAME or file:PATH");
}

async function checkFiles(
  text: string | undefined,
  options: CheckTaskOptions,
  refuse: (path: FieldPath, message: string) => undefined,
): Promise<FilesSource | undefined> {
  if (text === undefined) return undefined;
  const { problem, source } = parseFilesSource(text);
  if (problem !== undefined) return refuse(['files'], problem);
  if (source.kind === 'git') {
    // What a path says on another machine, nobody knows who wrote it down.
    if (options.origin === undefined || options.origin === 'file' || !/^file:/i.test(source.url)) return source;
  }
  if ((options.origin !== undefined && options.origin !== 'file') || source.kind === 'git') {
    return refuse(['files'], 'a queued task gets its files from a git repository (https or ssh), not from a directory');
  }
  const home = options.env['HOME'];
  const path = resolve(
    options.directory,
    source.path.startsWith('~/') && home !== undefined ? `${home}${source.path.slice(1)}` : source.path,
  );
  if (options.isResumed === true) return { kind: 'directory', path };
  try {
    if (!(await stat(path)).isDirectory()) return refuse(['files'], `is not a directory: ${path}`);
    return { kind: 'directory', path: await realpath(path) };
  } catch (error) {
    return refuse(['files'], `cannot be read: ${path}: ${reasonOf(error)}`);
  }
}

/** Names of the configuration are words; all else is the path of a module. */
function checkHooks(
  value: string | readonly string[] | undefined,
  options: CheckTaskOptions,
  refuse: (path: FieldPath, message: string) => undefined,
): readonly string[] {
  const modules: string[] = [];
  for (const [index, hook] of [value ?? []].flat().entries()) {
    const path: FieldPath = Array.isArray(value) ? ['hooks', index] : ['hooks'];
    if (/^[A-Za-z0-9_][A-Za-z0-9_-]*$/.test(hook)) {
      const found = options.config?.hooks.get(hook);
      const names = [...(options.config?.hooks.keys() ?? [])].join(', ');
      if (options.origin === 'submit') continue;
      if (found !== undefined) modules.push(found);
      else {
        refuse(
          path,
          `the worker's configuration has no hook ${hook}${names === '' ? '' : `; it has ${names}`}; add it under hooks`,
        );
      }
    } else if (options.origin === 'queue' || options.origin === 'submit') {
      refuse(path, "a queued task names hooks of the worker's configuration, and no module");
    } else {
      const home = options.env['HOME'];
      modules.push(
        resolve(options.directory, hook.startsWith('~/') && home !== undefined ? `${home}${hook.slice(1)}` : hook),
      );
    }
  }
  return modules;
}

/** The path without its links; as it is when nothing is there, which is said elsewhere. */
async function realPathOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

function saveSeedOf(value: boolean | string | undefined): TaskDefinition['saveSeed'] {
  if (value === undefined || value === false) return false;
  return { label: value === true ? undefined : value };
}

/** The file's name, the time, and some chance: sorted by time in a listing, and never the same twice. */
function defaultId(options: CheckTaskOptions): string {
  const name = options.defaultName
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 36);
  const digits = options.now.toISOString().replaceAll(/\D/g, '');
  return `${name === '' ? 'task' : name}-${digits.slice(0, 8)}-${digits.slice(8, 14)}-${randomBytes(2).toString('hex')}`;
}
