import { isAbsolute, normalize } from 'node:path/posix';

import { HostError } from './errors.ts';

/** Where the task directories of one consumer lie, when nobody says otherwise. */
export interface TaskRootOptions {
  /** The program that uses the tasks, for instance `optio-opencode`: names the directory and the override variable. */
  readonly consumer: string;
  /**
   * Environment that may hold the override. For `localTaskRoot` it also holds `XDG_DATA_HOME` and `HOME`. For
   * `remoteTaskRoot` it is the worker's own environment, not the host's: who runs the worker decides.
   */
  readonly env: Readonly<Record<string, string | undefined>>;
}

// `$` would accept a trailing newline only with the m flag in JavaScript, but the end is tested for what it is all the same.
const taskIdPattern = /^[A-Za-z0-9._-]+$/;
const consumerPattern = /^[A-Za-z][A-Za-z0-9-]*$/;

/**
 * Checks a task id: letters, digits, `.`, `_` and `-`, at most 200 of them, and never `.` or `..`.
 *
 * A task id becomes the name of a directory that is deleted in the end, so everything that could name another one is a
 * `TypeError`.
 */
export function checkTaskId(taskId: string): void {
  if (!isName(taskId)) {
    throw new TypeError(
      `Not a task id: ${JSON.stringify(taskId)}: only letters, digits, ".", "_" and "-" are allowed, and neither "." nor ".."`,
    );
  }
  if (taskId.length > 200) throw new TypeError(`Not a task id: ${taskId.length} characters, at most 200 are allowed`);
}

/** Whether `checkTaskId` would take it. */
export function isTaskId(taskId: string): boolean {
  return isName(taskId) && taskId.length <= 200;
}

function isName(text: string): boolean {
  return taskIdPattern.test(text) && text !== '.' && text !== '..';
}

/**
 * Root of task directories on the machine that the worker runs on:
 * `$<CONSUMER>_TASK_ROOT`, else `$XDG_DATA_HOME/<consumer>`, else `$HOME/.local/share/<consumer>`.
 *
 * Empty values count as unset, and a relative `XDG_DATA_HOME` too, as its specification asks. An override that is not an
 * absolute path, and a missing `HOME` where it is needed, are `TypeError`s.
 */
export function localTaskRoot({ consumer, env }: TaskRootOptions): string {
  const override = env[taskRootVariable(consumer, 'TASK_ROOT')];
  if (override !== undefined && override !== '') return checkTaskRoot(override);
  const dataHome = env['XDG_DATA_HOME'];
  if (dataHome !== undefined && isAbsolute(dataHome)) return checkTaskRoot(`${dataHome}/${consumer}`);
  const home = env['HOME'];
  if (home === undefined || !isAbsolute(home)) throw new TypeError('No task root: HOME is not set to an absolute path');
  return checkTaskRoot(`${home}/.local/share/${consumer}`);
}

/**
 * Root of task directories on another machine when the worker's environment sets one (`$<CONSUMER>_REMOTE_TASK_ROOT`), else
 * `undefined`: then `openWorkspace` takes `${XDG_STATE_HOME:-$HOME/.local/state}/<consumer>` of that machine.
 */
export function remoteTaskRoot({ consumer, env }: TaskRootOptions): string | undefined {
  const override = env[taskRootVariable(consumer, 'REMOTE_TASK_ROOT')];
  return override === undefined || override === '' ? undefined : checkTaskRoot(override);
}

/** Checks a consumer's name: a letter, then letters, digits and `-`. Anything else is a `TypeError`. */
export function checkConsumer(consumer: string): void {
  if (!consumerPattern.test(consumer)) {
    throw new TypeError(`Not a consumer's name: ${JSON.stringify(consumer)}: only letters, digits and "-" are allowed`);
  }
}

/** Checks a run id: 24 hex digits, as `createRunId` makes them. Anything else is a `TypeError`. */
export function checkRunId(runId: string): void {
  if (!/^[0-9a-f]{24}$/.test(runId))
    throw new TypeError(`Not a run id: ${JSON.stringify(runId)}: it must be 24 hex digits`);
}

/** Returns `path` without doubled and trailing slashes. A `TypeError` unless it is absolute, plain and not the root itself. */
export function checkTaskRoot(path: string): string {
  const trimmed = normalize(path).replace(/\/+$/, '');
  if (!isAbsolute(path) || trimmed === '' || hasParentSegment(path) || /[\0\n]/.test(path)) {
    throw new TypeError(
      `Not a task root: ${JSON.stringify(path)}: it must be an absolute path without "..", newline or NUL, and not "/"`,
    );
  }
  return trimmed;
}

/**
 * Absolute path of `relativePath` below `workdir`. Lexical only: what lies there may be a link that the agent has made.
 *
 * Throws `PATH_REFUSED` for an empty or absolute path, a `..` segment (behind a link `a/..` is not where it seems to be) and
 * a NUL.
 */
export function resolveInside(workdir: string, relativePath: string): string {
  const normalized = normalize(relativePath);
  if (
    relativePath === '' ||
    isAbsolute(relativePath) ||
    hasParentSegment(relativePath) ||
    relativePath.includes('\0') ||
    normalized === '.' ||
    normalized === './'
  ) {
    throw new HostError(
      'PATH_REFUSED',
      `Refused path ${JSON.stringify(relativePath)}: it must name something below the workdir, without ".."`,
    );
  }
  return `${workdir}/${normalized}`;
}

function taskRootVariable(consumer: string, suffix: string): string {
  checkConsumer(consumer);
  return `${consumer.toUpperCase().replaceAll('-', '_')}_${suffix}`;
}

function hasParentSegment(path: string): boolean {
  return path.split('/').includes('..');
}
