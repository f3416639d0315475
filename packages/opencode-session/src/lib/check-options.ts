import { checkSessionNumbers } from '@optio-ts/agents-session';
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

/** Refuses what cannot work, with a `TypeError` that names the option, before anything is touched. */
export function checkOptions(options: StartOpencodeSessionOptions): void {
  if (!TASK_ID.test(options.taskId)) {
    throw new TypeError(
      `taskId must be 1 to 128 letters, digits, ".", "_" or "-", and not "." or "..": got ${JSON.stringify(options.taskId)}`,
    );
  }
  if (options.task.trim() === '') throw new TypeError('task must say what the agent is to do: it is empty');
  if (options.message !== undefined && (options.autoStart !== true || options.message.trim() === '')) {
    throw new TypeError('message must say something, and is said to an agent that is sent to work: set autoStart');
  }
  if (options.model !== undefined && !MODEL.test(options.model)) {
    throw new TypeError(`model must be "provider/model": got ${JSON.stringify(options.model)}`);
  }
  checkTools(options);
  checkCompat(options);
  for (const name of POSITIVE) {
    const value = options[name];
    if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
      throw new TypeError(`${name} must be a positive number: got ${value}`);
    }
  }
  checkSessionNumbers(options);
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
