import { checkSessionNumbers } from '@optio-ts/agents-session';
import { checkTaskRoot } from '@optio-ts/host-core';
import { noCipher } from '@optio-ts/seed-engine';

import type { StartOpencodeSessionOptions } from './options.ts';

const TASK_ID = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;
const TOOL = /^[A-Za-z0-9_.*-]{1,128}$/;
const MODEL = /^[^/\s]+\/\S+$/;

const POSITIVE = [
  'agentLeaseMs',
  'deadlineMs',
  'idleLimitMs',
  'leaseMs',
  'maxDeliverableBytes',
  'maxSnapshotBytes',
  'stallLimitMs',
] as const;

/** What an option may be, beside nothing. */
const CHOICES = {
  browser: ['ignore', 'suppress', 'redirect'],
  confine: ['auto', 'required', 'off'],
  onIdle: ['remind', 'ignore'],
  refresh: ['always', 'never'],
  whenSeedBusy: ['wait', 'refuse'],
} as const satisfies Partial<Record<keyof StartOpencodeSessionOptions, readonly string[]>>;

/** Refuses what cannot work, with a `TypeError` that names the option, before anything is touched. */
export function checkOptions(options: StartOpencodeSessionOptions): void {
  const { host, store, cipher, taskId, task } = options;
  if (typeof host?.run !== 'function') {
    throw new TypeError('host must be a Host, such as createLocalHost() of host-core makes');
  }
  if (typeof store?.insert !== 'function') {
    throw new TypeError('store must be a Store, such as createSqliteStore() of seed-engine/sqlite makes');
  }
  if (typeof cipher?.name !== 'string') {
    throw new TypeError('cipher must be a Cipher, such as ageCipher() of seed-engine makes, or noCipher');
  }
  if (typeof taskId !== 'string' || !TASK_ID.test(taskId)) {
    throw new TypeError(
      `taskId must be 1 to 128 letters, digits, ".", "_" or "-", and not "." or "..": got ${JSON.stringify(taskId)}`,
    );
  }
  if (typeof task !== 'string' || task.trim() === '') {
    throw new TypeError('task must say what the agent is to do: it is empty');
  }
  if (options.message !== undefined && (options.autoStart !== true || options.message.trim() === '')) {
    throw new TypeError('message must say something, and is said to an agent that is sent to work: set autoStart');
  }
  if (options.model !== undefined && !MODEL.test(options.model)) {
    throw new TypeError(`model must be "provider/model": got ${JSON.stringify(options.model)}`);
  }
  checkChoices(options);
  if (options.taskRoot !== undefined) checkRoot(checkTaskRoot(options.taskRoot));
  checkTools(options);
  checkCompat(options);
  for (const name of POSITIVE) {
    const value = options[name];
    if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
      throw new TypeError(`${name} must be a positive number: got ${value}`);
    }
  }
  // As the supervisor on the host counts it.
  if (options.agentLeaseMs !== undefined && options.agentLeaseMs < 1000) {
    throw new TypeError(`agentLeaseMs must be at least 1000: got ${options.agentLeaseMs}`);
  }
  checkSessionNumbers(options);
}

/** Refuses a task root below which the agent would not find its programs. */
export function checkRoot(taskRoot: string): void {
  if (!taskRoot.includes(':')) return;
  throw new TypeError(
    `taskRoot must have no colon, since PATH is to name what lies below it: got ${JSON.stringify(taskRoot)}`,
  );
}

function checkChoices(options: StartOpencodeSessionOptions): void {
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value: unknown = options[name as keyof typeof CHOICES];
    const isFunction = name === 'refresh' && typeof value === 'function';
    if (value === undefined || isFunction || choices.some((choice) => choice === value)) continue;
    const all = choices.map((choice) => `'${choice}'`);
    if (name === 'refresh') all.push('a function');
    const last = all.pop();
    throw new TypeError(`${name} must be ${all.join(', ')} or ${last}: got ${JSON.stringify(value)}`);
  }
}

function checkTools(options: StartOpencodeSessionOptions): void {
  for (const name of ['allowedTools', 'disallowedTools'] as const) {
    for (const tool of options[name] ?? []) {
      if (!TOOL.test(tool)) throw new TypeError(`${name} must name tools, such as "bash": got ${JSON.stringify(tool)}`);
    }
  }
}

function checkCompat({ compat, cipher, workdirCipher }: StartOpencodeSessionOptions): void {
  if (compat === undefined) return;
  if (compat !== 'optio-0.1') throw new TypeError(`compat must be "optio-0.1": got ${JSON.stringify(compat)}`);
  if (cipher.name !== noCipher.name && cipher.opensUnnamed !== true) {
    throw new TypeError(
      `compat "optio-0.1" needs a cipher that the original has, bytesCipher or noCipher: got ${cipher.name}`,
    );
  }
  if (workdirCipher !== undefined && workdirCipher.name !== noCipher.name) {
    throw new TypeError(
      `compat "optio-0.1" leaves the workdir readable: leave out workdirCipher, ${workdirCipher.name}`,
    );
  }
}
