import { isAbsolute } from 'node:path/posix';

import { checkBytes } from './check-bytes.ts';
import type { Command, CommandOptions } from './host.ts';

const environmentName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Refuses what no host can run, as a `TypeError` before any I/O: every adapter calls it first. Messages name positions and
 * names, never values: they may be secrets.
 */
export function checkCommand(command: Command, options: CommandOptions = {}): void {
  if (!Array.isArray(command) || command.length === 0)
    throw new TypeError('A command must be an array of words; shellScript() makes one of shell text');
  for (const [index, word] of command.entries()) checkText(word, `Word ${index} of the command`);
  if (command[0] === '') throw new TypeError('The program of a command must not be empty');
  if (options.cwd !== undefined) {
    checkText(options.cwd, 'cwd');
    if (!isAbsolute(options.cwd)) throw new TypeError(`cwd must be absolute, not ${JSON.stringify(options.cwd)}`);
  }
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (!environmentName.test(name)) throw new TypeError(`env: ${JSON.stringify(name)} is no name of a variable`);
    checkText(value, `The value of ${name}`);
  }
  checkStdin(options.stdin);
  checkMilliseconds(options.timeoutMs, 'timeoutMs');
}

/** Refuses a number that is no duration. `undefined` passes. */
export function checkMilliseconds(value: number | undefined, name: string): void {
  if (value !== undefined && !(value >= 0)) throw new TypeError(`${name} must be a number of milliseconds`);
}

/** Refuses a port that is none. 0 passes where `allowZero` says so. */
export function checkPort(port: number, name: string, allowZero = false): void {
  if (!Number.isInteger(port) || port < (allowZero ? 0 : 1) || port > 65_535) {
    throw new TypeError(`${name} must be a port number`);
  }
}

function checkText(value: unknown, what: string): void {
  if (typeof value !== 'string') throw new TypeError(`${what} must be a string`);
  if (value.includes('\0')) throw new TypeError(`${what} must not hold a NUL`);
}

function checkStdin(source: unknown): void {
  if (source === undefined || typeof source === 'string' || source instanceof Uint8Array) return;
  checkBytes(source, 'stdin', 'a string, a Uint8Array or ');
}
